/// Cuts JSON Lines into chunks of whole lines.
final class LineSource: ChunkSource {
    private let text: InputText
    private(set) var lineCount = 0
    private var problems: [DatasetProblem] = []

    init(_ text: InputText) { self.text = text }

    func next() throws(DatasetProblem) -> DataChunk? {
        var wanted = ChunkSize.usual
        while true {
            do throws(DatasetProblem) { try text.fill(to: wanted) } catch {
                // What was read before the fault is checked all the same; its last line may be cut
                // short.
                problems.append(
                    DatasetProblem(
                        kind: error.kind, file: error.file, line: lineCount + 1 + Bytes.count(of: Bytes.lineEnd, in: text.bytes),
                        error.message))
                let end = text.bytes.lastIndex(of: Bytes.lineEnd).map { $0 + 1 } ?? 0
                let whole = chunk(text.take(end))
                text.drop(text.bytes.count)
                return whole
            }
            if text.isAtEnd {
                guard !text.bytes.isEmpty || !problems.isEmpty else { return nil }
                return chunk(text.take(text.bytes.count))
            }
            if let end = text.bytes.lastIndex(of: Bytes.lineEnd) { return chunk(text.take(end + 1)) }
            if text.bytes.count > ChunkSize.recordLimit { try skipLine() } else { wanted = text.bytes.count + ChunkSize.usual }
        }
    }

    private func chunk(_ bytes: [UInt8]) -> DataChunk {
        let chunk = DataChunk(bytes: bytes, firstLine: lineCount + 1, problems: problems)
        problems = []
        lineCount += Bytes.count(of: Bytes.lineEnd, in: bytes)
        if let last = bytes.last, last != Bytes.lineEnd { lineCount += 1 }
        return chunk
    }

    /// Leaves out a line that is too long, so that those behind it are still checked.
    private func skipLine() throws(DatasetProblem) {
        lineCount += 1
        problems.append(
            DatasetProblem(
                kind: "invalid_json", file: text.file.name, line: lineCount, found: "more than \(ChunkSize.recordLimit) bytes",
                expected: "at most \(ChunkSize.recordLimit) bytes in a line", "the line has more than \(ChunkSize.recordLimit) bytes"))
        var skipped = 0
        while true {
            if let end = text.bytes.firstIndex(of: Bytes.lineEnd) {
                text.drop(end + 1)
                return
            }
            skipped += text.bytes.count
            text.drop(text.bytes.count)
            if text.isAtEnd { return }
            guard skipped < ChunkSize.skipLimit else {
                throw DatasetProblem(
                    kind: "unreadable", file: text.file.name, line: lineCount,
                    "no line end in \(ChunkSize.skipLimit) bytes: the rest is not read")
            }
            try text.fill()
        }
    }
}
