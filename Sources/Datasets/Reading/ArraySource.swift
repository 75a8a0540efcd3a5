/// Cuts a file that is one JSON array into chunks of whole elements, without reading it as a whole.
///
/// Only brackets and strings are looked at here; whether an element is valid JSON its reader finds
/// out.
final class ArraySource: ChunkSource {
    private enum State { case beforeArray, beforeElement, inElement, afterArray }
    private let text: InputText
    private var state = State.beforeArray
    private var isDone = false
    private var elementCount = 0
    private var hasComma = false
    private var line = 1
    // Of the element being scanned.
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var elementStart = 0
    private var elementLine = 1

    init(_ text: InputText) { self.text = text }

    var lineCount: Int { line }

    func next() throws(DatasetProblem) -> DataChunk? {
        if isDone { return nil }
        var chunk = DataChunk(firstLine: line, places: [])
        var position = 0
        while true {
            if position == text.bytes.count {
                if text.isAtEnd { return finished(&chunk) }
                do throws(DatasetProblem) { try text.fill() } catch {
                    chunk.problems.append(DatasetProblem(kind: error.kind, file: error.file, line: line, error.message))
                    state = .afterArray
                    return finished(&chunk)
                }
                continue
            }
            scan(&position, &chunk)
            if isDone { return finished(&chunk) }
            if state == .inElement, position - elementStart > ChunkSize.recordLimit {
                throw DatasetProblem(
                    kind: "invalid_json", file: text.file.name, line: elementLine, field: "[\(elementCount)]",
                    found: "more than \(ChunkSize.recordLimit) bytes", expected: "at most \(ChunkSize.recordLimit) bytes in an element",
                    "the element has more than \(ChunkSize.recordLimit) bytes, or a bracket or a quotation mark is missing; the rest is not read"
                )
            }
            let end = chunk.places?.last?.range.upperBound ?? 0
            if end >= ChunkSize.usual || (state != .inElement && position >= ChunkSize.usual) {
                let cut = state == .inElement ? elementStart : position
                chunk.bytes = text.take(cut)
                elementStart -= cut
                return chunk
            }
        }
    }

    /// Goes on to the end of what is in memory, or to where a chunk may end.
    private func scan(_ position: inout Int, _ chunk: inout DataChunk) {
        let name = text.file.name
        text.bytes.withUnsafeBufferPointer { bytes in
            while position < bytes.count {
                let byte = bytes[position]
                if byte == Bytes.lineEnd { line += 1 }
                switch state {
                case .beforeArray:
                    if byte == UInt8(ascii: "[") { state = .beforeElement }
                case .beforeElement:
                    if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { break }
                    if byte == UInt8(ascii: "]"), elementCount == 0 || !hasComma {
                        state = .afterArray
                        break
                    }
                    (elementStart, elementLine, depth) = (position, line, 0)
                    state = .inElement
                    fallthrough
                case .inElement:
                    if isInString {
                        if isEscaped {
                            isEscaped = false
                        } else if byte == UInt8(ascii: "\\") {
                            isEscaped = true
                        } else if byte == UInt8(ascii: "\"") {
                            isInString = false
                        }
                        break
                    }
                    switch byte {
                    case UInt8(ascii: "\""): isInString = true
                    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                    case UInt8(ascii: "}"): depth -= 1
                    case UInt8(ascii: "]"):
                        if depth <= 0 {
                            close(at: position, &chunk)
                            state = .afterArray
                        } else {
                            depth -= 1
                        }
                    case UInt8(ascii: ","):
                        if depth <= 0 {
                            close(at: position, &chunk)
                            (state, hasComma) = (.beforeElement, true)
                            if position >= ChunkSize.usual {
                                position += 1
                                return
                            }
                        }
                    default: break
                    }
                case .afterArray:
                    if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { break }
                    chunk.problems.append(
                        DatasetProblem(kind: "invalid_json", file: name, line: line, "there is more text behind the end of the array"))
                    isDone = true
                    return
                }
                position += 1
            }
        }
    }

    private func close(at end: Int, _ chunk: inout DataChunk) {
        chunk.places?.append(DataChunk.Place(range: elementStart..<end, line: elementLine, index: elementCount))
        elementCount += 1
        hasComma = false
    }

    /// The last chunk; an array that is not closed is a fault.
    private func finished(_ chunk: inout DataChunk) -> DataChunk {
        isDone = true
        if state == .inElement {
            close(at: text.bytes.count, &chunk)
            state = .beforeElement
        }
        if state != .afterArray {
            chunk.problems.append(
                DatasetProblem(
                    kind: "invalid_json", file: text.file.name, line: line, found: "the end of the file", expected: "',' or ']'",
                    "the array is not closed: the file is cut short"))
        }
        chunk.bytes = text.take(text.bytes.count)
        return chunk
    }
}
