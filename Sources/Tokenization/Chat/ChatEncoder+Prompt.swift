import JSON
import Templates

extension ChatEncoder {
    /// The tokens that a conversation puts before an answer. The texts of special tokens in what
    /// people say are text as any other: nobody can write a turn of somebody else.
    /// - Throws: ``ChatError``.
    package func promptTokens(of conversation: Conversation) throws(ChatError) -> [Int32] {
        guard let messages = conversation.messages.array, !messages.isEmpty else {
            throw .notAConversation("messages is empty or is not a list")
        }
        let whole = try rendering(conversation, true).text
        guard let marked = ControlMarks.marked(conversation, tokenizer) else {
            return tokenizer.encode(whole, addSpecialTokens: false)
        }
        let (text, places) = ControlMarks.unmarked(try rendering(marked, true).text)
        guard text == whole else { throw .marksChangeTheText }
        return try tokens(of: text, asText: places).map(\.id)
    }
}

extension ChatEncoder {
    /// The source of the template for conversations without tools; nil where there is none.
    package var chatTemplate: String? { (try? templates.choose(hasTools: false))?.source }
}

extension ChatEncoder {
    /// The end tokens that `generation_config.json` of a folder names; none where it has no such
    /// file.
    /// - Throws: ``TokenizerError``.
    package static func endIDs(in folder: String) throws(TokenizerError) -> Set<Int32> {
        guard let named = try TokenizerTexts(folder: folder).json("generation_config.json")?["eos_token_id"] else { return [] }
        return Set((named.array ?? [named]).compactMap { $0.integer.flatMap { Int32(exactly: $0) } })
    }
}
