import JSON

/// One turn of a conversation.
struct ChatMessage: Hashable {
    var role: String
    var content: String

    var json: JSONNode { ["role": JSONNode(role), "content": JSONNode(content)] }

    /// Turns of one speaker that follow each other as one: templates want speakers to alternate.
    static func joined(_ messages: [ChatMessage]) -> [ChatMessage] {
        var joined: [ChatMessage] = []
        for message in messages {
            if let last = joined.last, last.role == message.role {
                joined[joined.count - 1].content = last.content + "\n" + message.content
            } else {
                joined.append(message)
            }
        }
        return joined
    }
}
