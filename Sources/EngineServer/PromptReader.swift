import JSON
import Tokenization

/// Turns what is asked into tokens, with the model's tokenizer and template alone.
struct PromptReader: Sendable {
    let encoder: ChatEncoder
    let maker: ConstraintMaker

    /// Token ids as given, a text's, or those of a conversation in the model's template.
    func prompt(_ node: JSONNode) throws(RequestFault) -> [Int32] {
        if let ids = node["ids"]?.array {
            return try ids.map { id throws(RequestFault) in
                guard let id = id.integer.flatMap({ Int32(exactly: $0) }) else { throw RequestFault("invalid_value", "a token id is none") }
                return id
            }
        }
        if let text = node["text"]?.string {
            return encoder.tokenizer.encode(text, addSpecialTokens: node["add_special_tokens"]?.bool ?? true)
        }
        let conversation = try conversation(node)
        do throws(ChatError) { return try encoder.promptTokens(of: conversation) } catch { throw Self.refused(error) }
    }

    /// The text that the model is asked with.
    func rendered(_ node: JSONNode) throws(RequestFault) -> String {
        let conversation = try conversation(node)
        do throws(ChatError) { return try encoder.render(conversation, addGenerationPrompt: true) } catch {
            throw Self.refused(error)
        }
    }

    private static func refused(_ error: ChatError) -> RequestFault {
        RequestFault("invalid_prompt", "the model's chat template refuses the messages: \(error)", parameter: "messages")
    }

    private func conversation(_ node: JSONNode) throws(RequestFault) -> Conversation {
        guard let messages = node["messages"] else { throw RequestFault("invalid_value", "there is no prompt") }
        var conversation = conversation(messages, tools: node["tools"])
        conversation.variables = node["variables"]
        return conversation
    }

    /// Messages as the model's template is to be given them.
    private func conversation(_ messages: JSONNode, tools: JSONNode?) -> Conversation {
        let isPlain =
            tools == nil
            && messages.array?.allSatisfy { $0["tool_calls"] == nil && !["tool", "developer"].contains($0["role"]?.string ?? "") } ?? true
        return isPlain ? Conversation(messages: messages) : maker.tools.conversation(messages, tools: tools)
    }
}
