import Synchronization
import Templates

/// The reviews of a model's templates, one for each shape of conversation. Any number of threads
/// may use one.
package final class TemplateReviews: Sendable {
    private let encoder: ChatEncoder
    private let known = Mutex<[ConversationShape: TemplateReview]>([:])

    package init(_ encoder: ChatEncoder) { self.encoder = encoder }

    /// What the template does with conversations like this one.
    /// - Throws: ``ChatError`` where the template takes too many steps, or where there is none.
    package func review(of conversation: Conversation) throws(ChatError) -> TemplateReview {
        let shape = ConversationShape(conversation)
        if let found = known.withLock({ $0[shape] }) { return found }
        let review = try TemplateReview(of: conversation, encoder)
        known.withLock { $0[shape] = review }
        return review
    }

    /// How the template for a conversation is called in messages.
    package func title(for conversation: Conversation) -> String {
        (try? encoder.templates.choose(hasTools: conversation.tools != nil))?.title ?? "the chat template"
    }

    /// Tokens and mask of a conversation in the form that its review found, and the texts that do
    /// not stand in the rendered text as they are.
    /// - Parameter controlsAsText: the texts of special tokens in what people say are text as any
    ///   other.
    /// - Throws: ``ChatError``.
    package func encode(
        _ conversation: Conversation, _ review: TemplateReview, trainOn: TrainedPart, controlsAsText: Bool = false
    ) throws(ChatError) -> (example: TokenizedExample, changes: [ShownText.Change]) {
        var conversation = conversation
        conversation.form = review.form
        // Reasoning that is not shown is in the way where turns are looked for.
        let unseen = Set(review.findings.compactMap { $0.part == .reasoning ? $0.message : nil })
        if !unseen.isEmpty {
            let plain = conversation.withoutReasoning(unseen)
            let shown = try encoder.rendering(conversation, false).text
            if case .some(shown) = try? encoder.rendering(plain, false).text { conversation = plain }
        }
        let (example, text) = try encoder.encodeWithText(conversation, trainOn: trainOn, controlsAsText: controlsAsText)
        let known = Set(review.findings.compactMap { [.content, .reasoning].contains($0.part) ? $0.message : nil })
        return (example, ShownText.changes(of: conversation, in: text, except: known))
    }
}
