import JSON

/// What templates look at in a conversation besides its words: two conversations of one shape are
/// shown alike.
///
/// The shape has the roles in their order (of what repeats, as question and answer do, two rounds
/// count), the members of each message and their kinds, the calls, and how the tools' schemas are
/// built. It is kept as a hash, for it is compared once for every line of a file.
struct ConversationShape: Hashable {
    private let hash: Int

    init(_ conversation: Conversation) {
        var hasher = Hasher()
        let messages = (conversation.messages.array ?? []).map(Self.hash)
        for (index, message) in messages.enumerated() {
            // The third round of two messages that repeat tells nothing new.
            let repeats = index >= 4 && index + 2 < messages.count && [index - 2, index - 4].allSatisfy { messages[$0] == message }
            let joins = index >= 5 && [index - 3, index - 5].allSatisfy { messages[$0] == messages[index - 1] }
            if !(repeats && joins) { hasher.combine(message) }
        }
        if let tools = conversation.tools?.array {
            hasher.combine(tools.count)
            for tool in tools { Self.add(schema: tool, &hasher) }
        }
        if let variables = conversation.variables { Self.add(kinds: variables, &hasher) }
        hash = hasher.finalize()
    }

    private static func hash(_ message: JSONNode) -> Int {
        var hasher = Hasher()
        for member in message.object ?? [] {
            hasher.combine(member.key)
            switch member.key {
            case "role", "weight": hasher.combine(member.node.string)
            case "content": if let text = member.node.string { add(text, &hasher) } else { add(kinds: member.node, &hasher) }
            case "tool_calls":
                for call in member.node.array ?? [] {
                    let function = call["function"] ?? call
                    hasher.combine(call["function"] != nil)
                    let arguments = function["arguments"]
                    hasher.combine(arguments?.string.map { $0.isEmpty ? 1 : 2 } ?? (arguments?.object?.isEmpty == false ? 3 : 4))
                    hasher.combine(call["id"]?.string?.utf8.count)
                    hasher.combine(call["type"]?.string)
                }
            default: add(kinds: member.node, &hasher)
            }
        }
        return hasher.finalize()
    }

    /// What templates look for in a text.
    private static func add(_ text: String, _ hasher: inout Hasher) {
        hasher.combine(text.utf8.isEmpty)
        hasher.combine(TextBytes.range(of: "</think>", in: text) == nil)
        hasher.combine(text.utf8.starts(with: "<think>".utf8))
        hasher.combine(text.utf8.starts(with: "<tool_response>".utf8))
    }

    /// The kinds of values, without what they say.
    private static func add(kinds node: JSONNode, _ hasher: inout Hasher) {
        hasher.combine(node.kindName)
        if let text = node.string { hasher.combine(text.isEmpty) }
        if let elements = node.array, let first = elements.first { add(kinds: first, &hasher) }
    }

    /// How a schema is built: its members' names, but not those of the properties that it
    /// describes.
    private static func add(schema node: JSONNode, _ hasher: inout Hasher) {
        for member in node.object ?? [] {
            hasher.combine(member.key)
            if member.key == "properties" {
                for property in member.node.object ?? [] { add(schema: property.node, &hasher) }
            } else if member.key == "type", let type = member.node.string {
                hasher.combine(type)
            } else {
                hasher.combine(member.node.kindName)
                add(schema: member.node, &hasher)
            }
        }
    }
}
