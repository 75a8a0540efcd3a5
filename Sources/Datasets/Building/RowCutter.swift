/// Cuts the tokens of documents, one behind the other, into rows of equal length; the last may be
/// shorter.
struct RowCutter {
    let rowLength: Int
    private var pending: [UInt32] = []
    /// Where in `pending` each document begins, and its line.
    private var documents: [(start: Int, line: Int)] = []

    init(rowLength: Int) { self.rowLength = max(2, rowLength) }

    mutating func append(_ tokens: some Collection<UInt32>, line: Int) {
        documents.append((pending.count, line))
        pending += tokens
    }

    /// Takes the rows that are complete; at the end of the file also the rest, if it holds anything
    /// to predict.
    mutating func rows(isLast: Bool, _ body: (ArraySlice<UInt32>, _ line: Int) throws -> Void) rethrows {
        var start = 0
        var document = 0
        while pending.count - start >= rowLength || (isLast && pending.count - start > 1) {
            let end = min(pending.count, start + rowLength)
            while document + 1 < documents.count, documents[document + 1].start <= start { document += 1 }
            try body(pending[start..<end], documents.isEmpty ? 1 : documents[document].line)
            start = end
        }
        guard start > 0 else { return }
        pending.removeFirst(start)
        while document + 1 < documents.count, documents[document + 1].start <= start { document += 1 }
        documents = documents[document...].map { (max(0, $0.start - start), $0.line) }
    }
}
