import Glibc
package import JSON
package import Templates

/// Renders conversations with a model's chat template and marks what is trained.
///
/// Masks follow from the rendered text: an assistant's turn is what the rendering of the
/// conversation up to and including it has more than the rendering up to the turn before with the
/// generation prompt. Where the template has `{% generation %}` marks those are taken.
package struct ChatEncoder: Sendable {
    package let tokenizer: Tokenizer
    package let templates: ChatTemplates
    package let beginToken: String?
    package let endToken: String?
    package let specialTokens: SpecialTokens
    /// Ids that end an answer.
    package let endIDs: Set<Int32>
    /// What it was read from.
    package let texts: TokenizerTexts
    /// End-of-turn tokens by which common templates close an answer, for checkpoints whose
    /// configuration does not name them.
    private static let knownEnds = [
        "<|end|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<|end_of_text|>", "<|return|>", "<|call|>",
        "<｜end▁of▁sentence｜>",
    ]
    /// Messages from which on a conversation's turns are found together.
    var fewestFramedMessages = 24
    /// The time that the template may ask for: the beginning of today unless another is set; nil
    /// makes asking an error.
    package var clock: TemplateClock?
    /// Where the steps of all renderings are counted, if anybody wants to know.
    package var stepCounter: TemplateStepCounter?
    /// What of the clock the rendered text depends on: nothing under most templates.
    package var clockKey: String { templates.asksForTime ? clock.map { "\($0)" } ?? "" : "" }

    /// Reads tokenizer and template of a model folder.
    /// - Throws: ``TokenizerError``, ``ChatError/templateFile(file:_:)`` for a template that cannot
    ///   be read.
    package init(folder: String) throws { try self.init(TokenizerTexts(folder: folder)) }

    /// Reads tokenizer and template among a model's texts.
    /// - Throws: ``TokenizerError``, ``ChatError/templateFile(file:_:)`` for a template that cannot
    ///   be read.
    package init(_ texts: TokenizerTexts) throws {
        self.texts = texts
        clock = TemplateClock(dayOf: time(nil))
        let tokenizer = try Tokenizer(texts)
        self.tokenizer = tokenizer
        let configuration = try TokenizerConfiguration(texts)
        beginToken = configuration.begin
        endToken = configuration.end
        var ends = Set(configuration.endIDs)
        if let end = configuration.end.flatMap({ tokenizer.id(of: $0) }) { ends.insert(end) }
        specialTokens = SpecialTokens(configuration: configuration, tokenizer: tokenizer)
        for name in Self.knownEnds { if let id = tokenizer.id(of: name), tokenizer.isAdded(id) { ends.insert(id) } }
        endIDs = ends
        templates = try ChatTemplates(configuration.templates)
    }

    /// The text of a conversation as the template renders it.
    /// - Parameters:
    ///   - messages: a list of objects with `role` and `content`.
    ///   - tools: a list of tool schemas, or nil.
    /// - Throws: ``ChatError``.
    package func render(messages: JSONNode, tools: JSONNode? = nil, addGenerationPrompt: Bool = false) throws(ChatError) -> String {
        try rendering(Conversation(messages: messages, tools: tools), addGenerationPrompt).text
    }

    /// The text of a conversation as the template renders it, with the prompt for an answer behind
    /// it where that is asked for.
    /// - Throws: ``ChatError``.
    package func render(_ conversation: Conversation, addGenerationPrompt: Bool = false) throws(ChatError) -> String {
        try rendering(conversation, addGenerationPrompt).text
    }

    func rendering(_ conversation: Conversation, _ addGenerationPrompt: Bool) throws(ChatError) -> Template.Rendering {
        guard let chosen = try templates.choose(hasTools: conversation.tools != nil) else { throw .noTemplate(folder: texts.path) }
        var variables: [JSONMember] = [
            JSONMember("messages", conversation.normalizedMessages), JSONMember("tools", conversation.tools ?? nil),
            JSONMember("documents", nil), JSONMember("add_generation_prompt", JSONNode(addGenerationPrompt)),
            JSONMember("bos_token", JSONNode(beginToken ?? "")), JSONMember("eos_token", JSONNode(endToken ?? "")),
            JSONMember("pad_token", JSONNode(specialTokens.padding ?? "")), JSONMember("unk_token", JSONNode(specialTokens.unknown ?? "")),
        ]
        // Of two members of one name the last is taken.
        variables += conversation.variables?.object ?? []
        do throws(TemplateError) {
            let rendering = try chosen.template.render(JSONNode(variables), clock: clock)
            stepCounter?.add(rendering.steps)
            return rendering
        } catch {
            if error.isOutOfSteps { stepCounter?.add(TemplateLimits().steps) }
            throw .template(error)
        }
    }

    /// The source of the template that a conversation is rendered with; empty where there is none.
    func templateSource(for conversation: Conversation) -> String {
        (try? templates.choose(hasTools: conversation.tools != nil))?.source ?? ""
    }

    /// Tokens and mask of a conversation.
    /// - Throws: ``ChatError``.
    package func encode(messages: JSONNode, tools: JSONNode? = nil, trainOn: TrainedPart = .assistant) throws(ChatError) -> TokenizedExample
    {
        try encode(Conversation(messages: messages, tools: tools), trainOn: trainOn)
    }

    /// Tokens and mask of a conversation.
    ///
    /// Trained are the tokens of what the assistant says (``AssistantSpans``), in turns whose
    /// `weight` is not 0. Other weights are those of the turn's tokens.
    /// - Throws: ``ChatError``.
    package func encode(_ conversation: Conversation, trainOn: TrainedPart = .assistant) throws(ChatError) -> TokenizedExample {
        try encodeWithText(conversation, trainOn: trainOn).example
    }

    /// Tokens and mask of a conversation, and its rendered text.
    /// - Parameter controlsAsText: the texts of special tokens in what people say are text as any
    ///   other.
    func encodeWithText(
        _ conversation: Conversation, trainOn: TrainedPart, controlsAsText: Bool = false
    ) throws(ChatError) -> (example: TokenizedExample, text: String) {
        guard let messages = conversation.messages.array, !messages.isEmpty else {
            throw .notAConversation("messages is empty or is not a list")
        }
        let whole = try rendering(conversation, false)
        let tokens: [Tokenizer.Token]
        if controlsAsText, let marked = ControlMarks.marked(conversation, tokenizer) {
            let (text, places) = ControlMarks.unmarked(try rendering(marked, false).text)
            guard text == whole.text else { throw .marksChangeTheText }
            tokens = try self.tokens(of: text, asText: places)
        } else {
            tokens = tokenizer.encodeWithRanges(whole.text, addSpecialTokens: false)
        }
        let weights = try weights(of: tokens, conversation, messages, whole, trainOn)
        let isWeighted = weights.contains { $0 != 0 && $0 != 1 }
        let example = TokenizedExample(ids: tokens.map(\.id), isTrained: weights.map { $0 > 0 }, weights: isWeighted ? weights : nil)
        return (example, whole.text)
    }

    /// What the loss of each token counts: the `weight` of the message that it belongs to, 1 where
    /// that has none, and 0 where nothing is trained.
    private func weights(
        of tokens: [Tokenizer.Token], _ conversation: Conversation, _ messages: [JSONNode], _ whole: Template.Rendering,
        _ trainOn: TrainedPart
    ) throws(ChatError) -> [Float] {
        var weights = [Float](repeating: trainOn == .all ? 1 : 0, count: tokens.count)
        func weight(_ turn: Int) -> Float { messages[turn]["weight"]?.double.map { Float($0) } ?? 1 }
        // Where all is trained only turns that count otherwise have to be found.
        var turns = messages.indices.filter {
            messages[$0]["role"]?.string == "assistant" && (trainOn == .all ? weight($0) != 1 : weight($0) > 0)
        }
        guard trainOn != .all || !turns.isEmpty else { return weights }
        if trainOn == .completion { turns = Array(turns.suffix(1)) }
        let spans = try AssistantSpans(self, conversation, whole).spans(of: turns)
        var next = 0
        for (index, token) in tokens.enumerated() {
            while next < spans.count, spans[next].range.upperBound <= token.range.lowerBound { next += 1 }
            guard next < spans.count else { break }
            let span = spans[next].range
            // A token that stands for no text (a space put before a word) belongs to where it
            // stands, and so does an added token that swallows the white space behind it.
            // Another token that reaches over the border from the prompt into the answer is
            // trained, for the answer cannot begin without it.
            let staysAtStart = token.range.isEmpty || tokenizer.isAdded(token.id)
            if staysAtStart ? span.contains(token.range.lowerBound) : token.range.upperBound > span.lowerBound {
                weights[index] = weight(spans[next].turn)
            }
        }
        return weights
    }

    /// Prompt and completion, one behind the other; trained is the completion with an end token.
    package func encode(prompt: String, completion: String, trainOn: TrainedPart = .completion) -> TokenizedExample {
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
    package func encode(document text: String) -> [Int32] {
        var ids = tokenizer.encode(text, addSpecialTokens: true)
        if let end = endToken.flatMap({ tokenizer.id(of: $0) }), ids.last != end { ids.append(end) }
        return ids
    }
}
