import JSON
import Synchronization
import Templates
import Tokenization

/// Turns the records of a chunk into tokens. Any number of threads may use one.
struct RecordEncoder: Sendable {
    let encoder: ChatEncoder
    let options: DatasetOptions
    let format: DatasetFormat
    let file: String
    /// Whether the file is plain text and not JSON.
    let isPlainText: Bool
    let reviews: TemplateReviews
    let budget: TemplateBudget
    /// The classes, where records have labels.
    var labels: LabelTable?
    private let isStopped: StopFlag

    /// Whether somebody wants the reading to end.
    private final class StopFlag: Sendable {
        private let flag = Atomic<Bool>(false)
        var isSet: Bool { flag.load(ordering: .relaxed) }
        func set() { flag.store(true, ordering: .relaxed) }
    }

    init(encoder: ChatEncoder, options: DatasetOptions, format: DatasetFormat, file: String, isPlainText: Bool) {
        var encoder = encoder
        let budget = TemplateBudget()
        encoder.stepCounter = budget.counter
        (self.encoder, self.options, self.format, self.file, self.isPlainText) = (encoder, options, format, file, isPlainText)
        (reviews, self.budget, isStopped) = (TemplateReviews(encoder), budget, StopFlag())
    }

    /// Leaves out all lines that were not begun.
    func stop() { isStopped.set() }

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
        guard !isStopped.isSet, budget.admit(byteCount: bytes.count) else { return }
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
        if let sample = sample(record, &result, &findings) { append(sample, line: line, &result, &findings) }
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

    /// The tokens of a record; nil where something is wrong with it or it is not an example.
    private func sample(_ record: JSONNode, _ result: inout ChunkResult, _ findings: inout RecordFindings) -> Sample? {
        switch options.purpose {
        case .pairs: return pair(record, &result, &findings)
        case .judgedAnswers: return judgedAnswer(record, &result, &findings)
        case .classification: return labelled(record, &result, &findings)
        case .supervised, .pretraining: return example(record, &result, &findings).map { Sample([$0]) }
        }
    }

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
        // Read for classification alone.
        case .labelledText, .labelledChat: break
        case .preference: _ = PreferencePair.outputs(record, &findings)
        case .preferencePair: _ = PreferencePair.chosen(record, &findings)
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
        let field = format == .shareGPT ? "conversations" : format == .chat ? "messages" : nil
        return checked(conversation, field: field, &findings)
    }

    /// Whether the model has all these tokens; if not, that is a problem of the record.
    func isKnown(_ ids: [Int32], _ findings: inout RecordFindings) -> Bool {
        guard let limit = options.modelVocabularySize, let id = ids.first(where: { $0 >= limit }) else { return true }
        findings.add(
            "unknown_token", nil, found: "the token id \(id)", expected: "ids below \(limit)",
            "holds \(encoder.tokenizer.token(of: id) ?? "a token") (id \(id)), but the model has \(limit) tokens only (config.json's vocab_size)"
        )
        return false
    }

    private func append(_ sample: Sample, line: Int, _ result: inout ChunkResult, _ findings: inout RecordFindings) {
        guard sample.runs.allSatisfy({ isKnown($0.ids, &findings) }) else { return }
        // A limit is for what the model reads at a time, so for each run.
        let count = sample.runs.map(\.ids.count).max() ?? 0
        if count > result.longest { (result.longest, result.longestLine) = (count, line) }
        if let limit = options.positionLimit, min(count, options.maximumLength) > limit,
            options.onExcess != .drop || count <= options.maximumLength
        {
            findings.warn(
                "beyond_positions", nil,
                "has \(min(count, options.maximumLength)) tokens, and the model has \(limit) positions (max_position_embeddings): "
                    + "it was never trained on later ones; lower max_length")
        }
        if count > options.maximumLength {
            result.excessCount += 1
            switch options.onExcess {
            case .error:
                return findings.add(
                    "too_long", nil, found: "\(count) tokens", expected: "at most \(options.maximumLength) tokens",
                    "has \(count) tokens, max_length is \(options.maximumLength): raise max_length, or set on_excess to truncate or drop")
            case .drop: return
            case .truncate: break
            }
        }
        var kept = sample
        kept.runs = sample.runs.map { $0.prefix(options.maximumLength) }
        // A class is told from the last token alone.
        if options.purpose == .classification {
            return result.examples.append(ExampleRecord(kept, line: line, appendingTo: &result.tokens))
        }
        let trained = kept.runs.map(\.trainedTokenCount).min() ?? 0
        guard trained > 0 else {
            let isCut = kept.runs != sample.runs
            return findings.add(
                "no_trained_token", nil, found: "no trained token", expected: "a token that training would predict",
                "holds no token that training would predict" + (isCut ? " within max_length: raise it, or set on_excess to drop" : ""))
        }
        if trained < Self.nearEmptyLimit { result.nearEmptyCount += 1 }
        result.examples.append(ExampleRecord(kept, line: line, appendingTo: &result.tokens))
    }
}
