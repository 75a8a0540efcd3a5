import JSON

/// A conversation of ChatGPT's export: messages in a tree, since answers may be asked for anew; the
/// branch that was last looked at is the conversation.
struct ChatTree {
    private let record: JSONNode
    private let nodes: [String: JSONNode]

    init(_ record: JSONNode) {
        self.record = record
        nodes = Dictionary((record["mapping"]?.object ?? []).map { ($0.key, $0.node) }) { first, _ in first }
    }

    /// - Throws: ``RecordFault`` if the tree has no such branch.
    func conversation() throws(RecordFault) -> JSONNode {
        guard let leaf = record["current_node"]?.string else {
            throw RecordFault("current_node: is missing, so no branch of mapping is the conversation", at: record)
        }
        var messages: [ChatMessage] = []
        var next: String? = leaf
        var seen: Set<String> = []
        while let name = next {
            guard let node = nodes[name], seen.insert(name).inserted else {
                throw RecordFault("mapping: \"\(name.prefix(40))\" is missing, or leads back to itself", at: record["mapping"])
            }
            if let message = Self.message(node["message"]) { messages.append(message) }
            next = node["parent"]?.string
        }
        return ["messages": JSONNode(ChatMessage.joined(messages.reversed()).map(\.json))]
    }

    /// What a user or the assistant says; nil for what tools say, and for what was not shown.
    private static func message(_ node: JSONNode?) -> ChatMessage? {
        guard let role = node?["author"]?["role"]?.string, ["user", "assistant"].contains(role),
            node?["metadata"]?["is_visually_hidden_from_conversation"]?.bool != true
        else { return nil }
        let words = (node?["content"]?["parts"]?.array ?? []).compactMap(\.string).filter { !$0.isEmpty }.joined(separator: "\n")
        return words.allSatisfy(\.isWhitespace) ? nil : ChatMessage(role: role, content: words)
    }
}
