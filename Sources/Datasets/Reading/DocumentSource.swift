/// Cuts plain text into chunks of whole documents, which blank lines divide. A very long document
/// comes in pieces of whole lines.
final class DocumentSource: ChunkSource {
    private let text: InputText
    private(set) var lineCount = 0
    private var continuesDocument = false

    init(_ text: InputText) { self.text = text }

    func next() throws(DatasetProblem) -> DataChunk? {
        var wanted = ChunkSize.usual
        while true {
            try text.fill(to: wanted)
            if text.isAtEnd {
                guard !text.bytes.isEmpty else { return nil }
                return chunk(text.bytes.count, isContinued: false)
            }
            if let end = lastBlankLine() { return chunk(end, isContinued: false) }
            if text.bytes.count >= 2 * ChunkSize.usual, let end = text.bytes.lastIndex(of: Bytes.lineEnd) {
                return chunk(end + 1, isContinued: true)
            }
            guard text.bytes.count <= ChunkSize.recordLimit else {
                throw DatasetProblem(
                    kind: "unreadable", file: text.file.name, line: lineCount + 1, found: "more than \(ChunkSize.recordLimit) bytes",
                    expected: "at most \(ChunkSize.recordLimit) bytes in a line",
                    "the line has more than \(ChunkSize.recordLimit) bytes: break it, or divide documents by blank lines")
            }
            wanted = text.bytes.count + ChunkSize.usual
        }
    }

    private func chunk(_ count: Int, isContinued: Bool) -> DataChunk {
        let bytes = text.take(count)
        var chunk = DataChunk(bytes: bytes, firstLine: lineCount + 1)
        (chunk.continuesDocument, chunk.isContinued) = (continuesDocument, isContinued)
        continuesDocument = isContinued
        lineCount += Bytes.count(of: Bytes.lineEnd, in: bytes)
        if let last = bytes.last, last != Bytes.lineEnd { lineCount += 1 }
        return chunk
    }

    /// The place behind the last blank line.
    private func lastBlankLine() -> Int? {
        let bytes = text.bytes
        var end = bytes.lastIndex(of: Bytes.lineEnd)
        while let lineEnd = end, lineEnd > 0 {
            let before = bytes[lineEnd - 1] == 0x0D ? lineEnd - 2 : lineEnd - 1
            if before >= 0, bytes[before] == Bytes.lineEnd { return lineEnd + 1 }
            end = bytes[..<lineEnd].lastIndex(of: Bytes.lineEnd)
        }
        return nil
    }
}
