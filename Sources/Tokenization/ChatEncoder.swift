public import JSON
public import Templates

/// Token ids with a mark on those that training predicts.
public struct TokenizedExample: Sendable, Hashable {
    public var ids: [Int32]
    /// For each token whether the loss counts it.
    public var isTrained: [Bool]

    public init(ids: [Int32], isTrained: [Bool]) {
        self.ids = ids
        self.isTrained = isTrained
    }

    /// Tokens that the loss counts; the first token of an example is never predicted.
    public var trainedTokenCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }
}

/// Which tokens of an example are trained.
public enum TrainedPart: String, Sendable, Hashable, CaseIterable {
    /// What the assistant says, with its end-of-turn token, in every turn.
    case assistant
    /// What the assistant says last.
    case completion
    case all
}

/// Why a conversation cannot become an example.
public enum ChatError: Error, Sendable, Hashable {
    case noTemplate(folder: String)
    case template(TemplateError)
    /// The template renders a conversation's beginning otherwise than the whole, so the assistant's words cannot be found.
    case spanNotFound(message: Int)
    case notAConversation(String)
}

extension ChatError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noTemplate(let folder): "\(folder) has no chat template: neither chat_template in tokenizer_config.json nor chat_template.jinja"
        case .template(let error): "the chat template failed: \(error)"
        case .spanNotFound(let message):
            "the chat template renders message \(message + 1) so that what the assistant says cannot be found in the whole text; use train_on: all, or a template with {% generation %} marks"
        case .notAConversation(let what): what
        }
    }
}

/// Renders conversations with a model's chat template and marks what is trained.
///
/// Masks follow from the rendered text: an assistant's turn is what the rendering of the conversation up to and including it has more than the rendering
/// up to the turn before with the generation prompt. Where the template has `{% generation %}` marks those are taken.
public struct ChatEncoder: Sendable {
    public let tokenizer: Tokenizer
    public let template: Template?
    public let beginToken: String?
    public let endToken: String?
    public let specialTokens: SpecialTokens
    /// Ids that end an answer.
    public let endIDs: Set<Int32>
    private let folder: String
    private let marksGeneration: Bool
    public var clock: TemplateClock?

    /// Reads tokenizer and template of a model folder.
    /// - Throws: ``TokenizerError``, ``ChatError/template(_:)`` for a template that cannot be read.
    public init(folder: String) throws {
        self.folder = folder
        clock = nil
        let tokenizer = try Tokenizer(folder: folder)
        self.tokenizer = tokenizer
        let configuration = try TokenizerConfiguration(folder: folder)
        beginToken = configuration.begin
        endToken = configuration.end
        var ends = Set(configuration.endIDs)
        if let end = configuration.end.flatMap({ tokenizer.id(of: $0) }) { ends.insert(end) }
        specialTokens = SpecialTokens(configuration: configuration, tokenizer: tokenizer)
        for name in ["<|end|>", "<|eot_id|>", "<|im_end|>", "<end_of_turn>"] { if let id = tokenizer.id(of: name) { ends.insert(id) } }
        endIDs = ends
        marksGeneration = configuration.chatTemplate?.contains("generation %}") ?? false
        template = try Self.compiled(configuration.chatTemplate)
    }

    private static func compiled(_ source: String?) throws(ChatError) -> Template? {
        guard let source else { return nil }
        do throws(TemplateError) { return try Template(source) } catch { throw .template(error) }
    }

    /// The text of a conversation as the template renders it.
    /// - Parameters:
    ///   - messages: a list of objects with `role` and `content`.
    ///   - tools: a list of tool schemas, or nil.
    /// - Throws: ``ChatError``.
    public func render(messages: JSONNode, tools: JSONNode? = nil, addGenerationPrompt: Bool = false) throws(ChatError) -> String {
        try rendering(messages, tools, addGenerationPrompt).text
    }

    private func rendering(_ messages: JSONNode, _ tools: JSONNode?, _ addGenerationPrompt: Bool) throws(ChatError) -> Template.Rendering {
        guard let template else { throw .noTemplate(folder: folder) }
        let variables: JSONNode = [
            "messages": Self.normalized(messages), "tools": tools ?? nil, "documents": nil, "add_generation_prompt": JSONNode(addGenerationPrompt),
            "bos_token": JSONNode(beginToken ?? ""), "eos_token": JSONNode(endToken ?? ""),
        ]
        do throws(TemplateError) { return try template.render(variables, clock: clock) } catch { throw .template(error) }
    }

    /// Tool calls carry their arguments as JSON text in OpenAI's form; templates want the object.
    private static func normalized(_ messages: JSONNode) -> JSONNode {
        guard let elements = messages.array, elements.contains(where: { $0["tool_calls"] != nil || $0["weight"] != nil }) else { return messages }
        return JSONNode(
            elements.map { message in
                guard let members = message.object else { return message }
                return JSONNode(
                    members.filter { $0.key != "weight" }.map { member in
                        guard member.key == "tool_calls", let calls = member.node.array else { return member }
                        return JSONMember("tool_calls", JSONNode(calls.map(withParsedArguments)))
                    })
            })
    }

    private static func withParsedArguments(_ call: JSONNode) -> JSONNode {
        guard let members = call.object else { return call }
        return JSONNode(
            members.map { member in
                if member.key == "function" { return JSONMember("function", withParsedArguments(member.node)) }
                if member.key == "arguments", let text = member.node.string, let parsed = try? JSONParser().parse(text) { return JSONMember("arguments", parsed) }
                return member
            })
    }

    /// Tokens and mask of a conversation.
    /// - Throws: ``ChatError``.
    public func encode(messages: JSONNode, tools: JSONNode? = nil, trainOn: TrainedPart = .assistant) throws(ChatError) -> TokenizedExample {
        guard let elements = messages.array, !elements.isEmpty else { throw .notAConversation("messages is empty or no list") }
        let whole = try rendering(messages, tools, false)
        let tokens = tokenizer.encodeWithRanges(whole.text, addSpecialTokens: false)
        var trained = [Bool](repeating: trainOn == .all, count: tokens.count)
        if trainOn != .all {
            var spans = try spans(in: whole, elements, tools)
            if trainOn == .completion { spans = Array(spans.suffix(1)) }
            let ordered = spans.sorted { $0.lowerBound < $1.lowerBound }
            var next = 0
            for (index, token) in tokens.enumerated() {
                while next < ordered.count, ordered[next].upperBound <= token.range.lowerBound { next += 1 }
                guard next < ordered.count else { break }
                let span = ordered[next]
                // A token that stands for no text (a space put before a word) belongs to where it stands, and so does an added token that
                // swallows the white space behind it. Another token that reaches over the border from the prompt into the answer is
                // trained, for the answer cannot begin without it.
                let staysAtStart = token.range.isEmpty || tokenizer.isAdded(token.id)
                trained[index] = staysAtStart ? span.contains(token.range.lowerBound) : token.range.upperBound > span.lowerBound
            }
        }
        return TokenizedExample(ids: tokens.map(\.id), isTrained: trained)
    }

    /// The bytes of the rendered text that the assistant says, one range a turn whose weight is not 0.
    private func spans(in whole: Template.Rendering, _ messages: [JSONNode], _ tools: JSONNode?) throws(ChatError) -> [Range<Int>] {
        let assistantTurns = messages.indices.filter { messages[$0]["role"]?.string == "assistant" }
        let counted = assistantTurns.filter { messages[$0]["weight"]?.double != 0 }
        if marksGeneration, whole.generationSpans.count == assistantTurns.count {
            return zip(assistantTurns, whole.generationSpans).filter { counted.contains($0.0) }.map(\.1)
        }
        let bytes = Array(whole.text.utf8)
        var spans: [Range<Int>] = []
        for turn in counted {
            let before = Array(try rendering(JSONNode(Array(messages[..<turn])), tools, true).text.utf8)
            let including = turn == messages.count - 1 ? bytes : Array(try rendering(JSONNode(Array(messages[...turn])), tools, false).text.utf8)
            var start = Self.commonPrefix(before, bytes)
            if start < before.count {
                // The prompt that asks for an answer may differ from how the answer is later shown (a thinking block, white space): the turn then
                // begins where its own text does.
                guard let content = messages[turn]["content"]?.string, !content.isEmpty,
                    let place = Self.find(Array(content.utf8), in: bytes, from: start)
                else { throw .spanNotFound(message: turn) }
                start = place
            }
            var end = Self.commonPrefix(including, bytes)
            end = turnEnd(in: bytes, from: start, to: end)
            guard start < end else { throw .spanNotFound(message: turn) }
            spans.append(start..<end)
        }
        return spans
    }

    /// The turn ends with its end-of-turn token; what a template writes behind it (a line end, an end-of-text) is not the assistant's.
    private func turnEnd(in bytes: [UInt8], from start: Int, to end: Int) -> Int {
        guard start < end else { return end }
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        let tokens = tokenizer.encodeWithRanges(text, addSpecialTokens: false)
        let ends = tokens.filter { endIDs.contains($0.id) }
        guard let last = ends.last else { return end }
        // Of several end tokens one behind the other the first ends the turn.
        var chosen = last
        for token in ends.reversed() {
            let between = bytes[(start + token.range.upperBound)..<(start + chosen.range.lowerBound > start + token.range.upperBound ? start + chosen.range.lowerBound : start + token.range.upperBound)]
            if between.allSatisfy({ $0 == 0x0A || $0 == 0x20 || $0 == 0x0D }) { chosen = token } else { break }
        }
        // An end token's text may include white space that it swallows: the token counts, so all of its range does.
        return start + chosen.range.upperBound
    }

    private static func commonPrefix(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var count = 0
        while count < min(a.count, b.count), a[count] == b[count] { count += 1 }
        return count
    }

    private static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + wanted.count <= bytes.count {
            if bytes[index..<(index + wanted.count)].elementsEqual(wanted) { return index }
            index += 1
        }
        return nil
    }

    /// Prompt and completion, one behind the other; trained is the completion with an end token.
    public func encode(prompt: String, completion: String, trainOn: TrainedPart = .completion) -> TokenizedExample {
        let text = prompt + completion
        let boundary = prompt.utf8.count
        var tokens = tokenizer.encodeWithRanges(text, addSpecialTokens: true)
        var trained = tokens.map { trainOn == .all || (!$0.range.isEmpty && $0.range.upperBound > boundary) }
        if let end = endToken.flatMap({ tokenizer.id(of: $0) }), tokens.last?.id != end {
            tokens.append(Tokenizer.Token(id: end, range: text.utf8.count..<text.utf8.count))
            trained.append(true)
        }
        return TokenizedExample(ids: tokens.map(\.id), isTrained: trained)
    }

    /// A document for pretraining: every token is trained, and an end token closes it.
    public func encode(document text: String) -> [Int32] {
        var ids = tokenizer.encode(text, addSpecialTokens: true)
        if let end = endToken.flatMap({ tokenizer.id(of: $0) }), ids.last != end { ids.append(end) }
        return ids
    }
}
