import JSON
import Tokenization

/// Turns the records of a chunk into tokens. Any number of threads may use one.
struct RecordEncoder: Sendable {
    let encoder: ChatEncoder
    let options: DatasetOptions
    let format: DatasetFormat
    let file: String
    /// Whether the file is plain text and not JSON.
    let isPlainText: Bool

    /// An answer of fewer trained tokens is called near-empty: an end-of-turn token and one word.
    static let nearEmptyLimit = 3

    func encode(_ chunk: DataChunk) -> ChunkResult {
        var result = ChunkResult()
        result.problems = chunk.problems
        chunk.bytes.withBytes { bytes in
            if isPlainText {
                encodeDocuments(bytes, chunk, &result)
            } else if let places = chunk.places {
                for place in places {
                    encode(UnsafeBufferPointer(rebasing: bytes[place.range]), line: place.line, index: place.index, &result)
                }
            } else {
                var start = 0
                var line = chunk.firstLine
                while start < bytes.count {
                    let end = bytes[start...].firstIndex(of: Bytes.lineEnd) ?? bytes.count
                    var text = bytes[start..<end]
                    if text.last == 0x0D { text.removeLast() }
                    if !Bytes.isBlank(text) { encode(UnsafeBufferPointer(rebasing: text), line: line, index: nil, &result) }
                    (start, line) = (end + 1, line + 1)
                }
            }
        }
        return result
    }

    private func encode(_ bytes: UnsafeBufferPointer<UInt8>, line: Int, index: Int?, _ result: inout ChunkResult) {
        var findings = RecordFindings(file: file, line: line, index: index, bytes: bytes)
        defer {
            result.problems += findings.problems
            result.warnings += findings.warnings
        }
        let record: JSONNode
        do throws(JSONError) { record = try JSONParser().parse(bytes) } catch {
            return Self.describe(error, bytes, &findings)
        }
        guard record.object != nil else {
            let what = index == nil ? "line" : "element"
            return findings.add(
                "wrong_type", nil, at: record, found: record.kindName, expected: "an object",
                "the \(what) is \(record.kindName), not an object")
        }
        if let example = example(record, &result, &findings) { append(example, line: line, &result, &findings) }
    }

    private static func describe(_ error: JSONError, _ bytes: UnsafeBufferPointer<UInt8>, _ findings: inout RecordFindings) {
        if Bytes.isBlank(bytes.filter { $0 != Bytes.lineEnd }) {
            return findings.add(
                "invalid_json", nil, offset: 0, found: "nothing", expected: "an object", "an element is missing: there is a comma too many")
        }
        let path = JSONPath.path(of: error.offset, in: Array(bytes))
        let lineStart = bytes[..<min(error.offset, bytes.count)].lastIndex(of: Bytes.lineEnd).map { $0 + 1 } ?? 0
        var message = "\(error) (column \(error.offset - lineStart + 1))"
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            message = "begins with a byte-order mark, which may stand at the beginning of a file only"
        }
        let begins = bytes.first == UInt8(ascii: "{") || bytes.first == UInt8(ascii: "[")
        if error.reason == .unexpectedEnd, begins, bytes.count < 3 {
            message += ": in JSON Lines each line holds a whole object"
        }
        // Of a path that goes down and down its beginning says enough.
        let field = path.utf8.count > 200 ? path.prefix(200) + "..." : path
        findings.add("invalid_json", field, offset: error.offset, found: "\(error)", expected: "valid JSON", message)
    }

    /// The tokens of a record; nil where something is wrong with it or it is no example.
    private func example(_ record: JSONNode, _ result: inout ChunkResult, _ findings: inout RecordFindings) -> TokenizedExample? {
        let before = findings.problems.count
        var conversation: Conversation?
        switch format {
        case .chat: conversation = ConversationFormats.chat(record, &findings)
        case .shareGPT: conversation = ConversationFormats.shareGPT(record, &findings)
        case .alpaca: conversation = ConversationFormats.alpaca(record, &findings)
        case .completion:
            switch PairFormats.completion(record, &findings) {
            case .texts(let prompt, let completion)?:
                result.recordCount += 1
                return encoder.encode(prompt: prompt, completion: completion, trainOn: options.trainOn)
            case .conversation(let messages)?: conversation = messages
            case nil: break
            }
        case .preference: PairFormats.preference(record, &findings)
        case .preferencePair: PairFormats.pair(record, &findings)
        case .text:
            let hint = record["messages"] != nil ? "these are conversations: they are for method.type supervised" : nil
            guard let text = findings.requiredText("text", in: record, hint: hint), !text.isEmpty else { return nil }
            result.recordCount += 1
            let start = result.tokens.count
            let ids = encoder.encode(document: text)
            guard isKnown(ids, &findings) else { return nil }
            result.tokens += ids.map { PackedToken.pack($0, isTrained: true) }
            result.documents.append(ChunkResult.Document(line: findings.line, range: start..<result.tokens.count))
            return nil
        }
        guard findings.problems.count == before else { return nil }
        result.recordCount += 1
        guard let conversation else { return nil }
        do throws(ChatError) { return try encoder.encode(conversation, trainOn: options.trainOn) } catch {
            let field = format == .shareGPT ? "conversations" : format == .chat ? "messages" : nil
            findings.add("template", field, "\(error)")
            return nil
        }
    }

    /// Whether the model has all these tokens; if not, that is a problem of the record.
    private func isKnown(_ ids: [Int32], _ findings: inout RecordFindings) -> Bool {
        guard let limit = options.modelVocabularySize, let id = ids.first(where: { $0 >= limit }) else { return true }
        findings.add(
            "unknown_token", nil, found: "the token id \(id)", expected: "ids below \(limit)",
            "holds \(encoder.tokenizer.token(of: id) ?? "a token") (id \(id)), but the model has \(limit) tokens only (config.json's vocab_size)")
        return false
    }

    private func append(_ example: TokenizedExample, line: Int, _ result: inout ChunkResult, _ findings: inout RecordFindings) {
        guard isKnown(example.ids, &findings) else { return }
        var count = example.ids.count
        if count > result.longest { (result.longest, result.longestLine) = (count, line) }
        if count > options.maximumLength {
            result.excessCount += 1
            switch options.onExcess {
            case .error:
                return findings.add(
                    "too_long", nil, found: "\(count) tokens", expected: "at most \(options.maximumLength) tokens",
                    "has \(count) tokens, max_length is \(options.maximumLength): raise max_length, or set on_excess to truncate or drop")
            case .drop: return
            case .truncate: count = options.maximumLength
            }
        }
        let kept = TokenizedExample(ids: Array(example.ids.prefix(count)), isTrained: Array(example.isTrained.prefix(count)))
        let trained = kept.trainedTokenCount
        guard trained > 0 else {
            let isCut = count < example.ids.count
            return findings.add(
                "no_trained_token", nil, found: "no trained token", expected: "a token that training would predict",
                "holds no token that training would predict" + (isCut ? " within max_length: raise it, or set on_excess to drop" : ""))
        }
        if trained < Self.nearEmptyLimit { result.nearEmptyCount += 1 }
        result.examples.append(ExampleRecord(Sample([kept]), line: line, appendingTo: &result.tokens))
    }

    // MARK: Plain text

    /// Documents divided by blank lines; an end token closes each. Of a document that comes in pieces only the first has a begin token and only the last an end.
    private func encodeDocuments(_ bytes: UnsafeBufferPointer<UInt8>, _ chunk: DataChunk, _ result: inout ChunkResult) {
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

    private func add(_ document: [UInt8], line: Int, continues: Bool, isContinued: Bool, _ result: inout ChunkResult) {
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
