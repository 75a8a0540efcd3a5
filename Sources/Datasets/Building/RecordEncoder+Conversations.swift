import JSON
import Templates
import Tokenization

// Conversations, checked and as tokens.
extension RecordEncoder {
    /// The tokens of a conversation whose messages were checked; nil where something is wrong with
    /// it.
    /// - Parameter field: the member that holds it.
    func checked(_ conversation: Conversation, field: String?, _ findings: inout RecordFindings) -> TokenizedExample? {
        TableNulls.check(conversation, &findings)
        guard takesWeights || !hasWeights(conversation, &findings) else { return nil }
        if !checkControlTokens(conversation, &findings) { return nil }
        do throws(ChatError) { return try encode(conversation, &findings) } catch {
            if case .template(let cause) = error, cause.isOutOfSteps { budget.noteExhaustion() }
            findings.add("template", field, "\(error)")
            return nil
        }
    }

    /// Whether messages may count more or less than others: losses that compare or judge whole
    /// answers, and classes of texts, know no such thing.
    private var takesWeights: Bool { options.purpose == .supervised }

    /// Says which message counts more or less than others.
    private func hasWeights(_ conversation: Conversation, _ findings: inout RecordFindings) -> Bool {
        for (index, message) in (conversation.messages.array ?? []).enumerated() {
            guard let weight = message["weight"]?.double, weight != 0, weight != 1 else { continue }
            findings.add(
                "invalid_value", conversation.path(of: index) + ".weight", at: message["weight"], found: "the weight \(weight)",
                expected: "0, 1 or no weight",
                "weighs a message, which is for method.type supervised: here a message counts wholly or not at all")
            return true
        }
        return false
    }

    /// Says where a text holds that of a control token.
    /// - Returns: whether the conversation may be trained on.
    func checkControlTokens(_ conversation: Conversation, _ findings: inout RecordFindings) -> Bool {
        if options.specialTokensInText == .encodeAsText { return true }
        return checkControlTokens(encoder.controlTokens(in: conversation), &findings)
    }

    func checkControlTokens(_ found: [(field: String, token: String)], _ findings: inout RecordFindings) -> Bool {
        guard options.specialTokensInText != .encodeAsText else { return true }
        for (field, token) in found {
            if options.specialTokensInText == .error {
                findings.add(
                    "special_token_in_text", field, found: token, expected: "no control token",
                    "holds \(token), which is a control token and not text to the model: take it out, "
                        + "or set special_tokens_in_text: encode_as_text"
                )
            } else {
                findings.warn(
                    "special_token_in_text", field,
                    "holds \(token), which becomes a control token, not text: to the model a turn may end or begin here; "
                        + "set special_tokens_in_text to encode_as_text or error, or take it out")
            }
        }
        return found.isEmpty || options.specialTokensInText == .warn
    }

    /// Of answers that are compared or judged all that the assistant says: their prompts have no
    /// weight.
    var trainedPart: TrainedPart {
        switch options.purpose {
        case .pairs, .judgedAnswers: .assistant
        case .supervised, .pretraining, .classification: options.trainOn
        }
    }

    /// The tokens of a conversation; nil where the template does not show all of it.
    func encode(_ conversation: Conversation, _ findings: inout RecordFindings) throws(ChatError) -> TokenizedExample? {
        let review = try reviews.review(of: conversation)
        var isShown = true
        for finding in review.findings {
            let role = finding.message.flatMap { conversation.messages.array?[$0]["role"]?.string }
            let field = finding.field(in: conversation)
            let message = finding.message(template: reviews.title(for: conversation), role: role)
            if finding.isError {
                isShown = false
                findings.add(finding.code, field, message)
            } else {
                findings.warn(finding.code, field, message)
            }
        }
        guard isShown else { return nil }
        let (example, changes) = try reviews.encode(
            conversation, review, trainOn: trainedPart, controlsAsText: options.specialTokensInText == .encodeAsText)
        let last = example.isTrained.lastIndex(of: true).map { example.ids[$0] }
        if trainedPart != .all, let last, !encoder.endIDs.contains(last) {
            findings.warn(
                "no_end_token", nil,
                "the answer that is trained ends with no end token, for \(reviews.title(for: conversation)) writes none: "
                    + "the tuned model would not learn to stop")
        }
        for change in changes {
            findings.warn(
                "text_changed", conversation.path(of: change.message) + (change.field ?? conversation.textMember),
                "\(reviews.title(for: conversation)) changes this text or leaves a part of it out: "
                    + "\"\(change.missing.prefix(60))\" is not in the text that is trained as it is here")
        }
        return example
    }
}
