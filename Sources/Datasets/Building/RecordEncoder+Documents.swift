import Tokenization

// Plain text.
extension RecordEncoder {
    /// Documents divided by blank lines; an end token closes each. Of a document that comes in
    /// pieces only the first has a begin token and only the last an end.
    func encodeDocuments(_ bytes: UnsafeBufferPointer<UInt8>, _ chunk: DataChunk, _ result: inout ChunkResult) {
        var start = 0
        var line = chunk.firstLine
        var document: [UInt8] = []
        var documentLine = line
        var isFirst = true
        func close(isLast: Bool) {
            guard !document.isEmpty else { return }
            let continues = isFirst && chunk.continuesDocument
            add(document, line: documentLine, continues: continues, isContinued: isLast && chunk.isContinued, &result)
            document = []
            isFirst = false
        }
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: Bytes.lineEnd) ?? bytes.count
            var text = bytes[start..<end]
            if text.last == 0x0D { text.removeLast() }
            if text.isEmpty {
                close(isLast: false)
            } else {
                if document.isEmpty { documentLine = line } else { document.append(Bytes.lineEnd) }
                document += text
            }
            (start, line) = (end + 1, line + 1)
        }
        if chunk.isContinued, !document.isEmpty { document.append(Bytes.lineEnd) }
        close(isLast: true)
    }

    func add(_ document: [UInt8], line: Int, continues: Bool, isContinued: Bool, _ result: inout ChunkResult) {
        guard let text = String(validating: document, as: UTF8.self) else {
            // The line of the fault is found by looking at each.
            var faulty = line
            for part in document.split(separator: Bytes.lineEnd, omittingEmptySubsequences: false) {
                if String(validating: part, as: UTF8.self) == nil { break }
                faulty += 1
            }
            result.problems.append(
                DatasetProblem(
                    kind: "unreadable", file: file, line: faulty, found: "bytes that are not UTF-8", expected: "UTF-8 text",
                    "is not valid UTF-8"))
            return
        }
        result.recordCount += continues ? 0 : 1
        var ids: [Int32]
        if continues || isContinued {
            ids = encoder.tokenizer.encode(text, addSpecialTokens: !continues)
            if !isContinued, let end = encoder.endToken.flatMap({ encoder.tokenizer.id(of: $0) }) { ids.append(end) }
        } else {
            ids = encoder.encode(document: text)
        }
        var findings = RecordFindings(file: file, line: line, index: nil, bytes: UnsafeBufferPointer(start: nil, count: 0))
        guard isKnown(ids, &findings) else {
            result.problems += findings.problems
            return
        }
        let start = result.tokens.count
        result.tokens += ids.map { PackedToken.pack($0, isTrained: true) }
        result.documents.append(ChunkResult.Document(line: line, range: start..<result.tokens.count))
    }
}
