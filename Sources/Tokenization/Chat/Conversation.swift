package import JSON

/// Messages, and the tools that the assistant may call in them.
package struct Conversation: Sendable, Hashable {
    /// A list of objects with `role` and `content`, and what else the template knows: `tool_calls`, `reasoning_content`, `name` ... A message of the
    /// assistant may have `weight`: 0 leaves it out of the loss.
    package var messages: JSONNode
    /// A list of tool schemas, or nil.
    package var tools: JSONNode?

    package init(messages: JSONNode, tools: JSONNode? = nil) {
        self.messages = messages
        self.tools = tools
    }

    /// The messages as templates want them: tool calls carry their arguments as JSON text in OpenAI's form, templates write them as objects; the weight is
    /// nothing that a template should see; reasoning goes by several names, and templates know one of them.
    var normalizedMessages: JSONNode {
        let names = ["tool_calls", "weight"] + Self.reasoningNames
        guard let elements = messages.array, elements.contains(where: { element in names.contains { element[$0] != nil } }) else {
            return messages
        }
        return JSONNode(
            elements.map { message in
                guard let members = Self.withReasoning(message).object else { return message }
                return JSONNode(
                    members.filter { $0.key != "weight" }.map { member in
                        guard member.key == "tool_calls", let calls = member.node.array else { return member }
                        return JSONMember("tool_calls", JSONNode(calls.map(Self.withParsedArguments)))
                    })
            })
    }

    /// As transformers knows them, the one that most templates read first.
    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// A message whose reasoning stands under the names that templates read, as transformers' `apply_chat_template` sees to it.
    private static func withReasoning(_ message: JSONNode) -> JSONNode {
        guard var members = message.object,
            let reasoning = reasoningNames.lazy.compactMap({ message[$0] }).first(where: { !$0.isNull })
        else { return message }
        if message["thinking"] == nil { members.insert(JSONMember("thinking", reasoning), at: 0) }
        if let place = members.firstIndex(where: { $0.key == "reasoning_content" }) {
            members[place].node = reasoning
        } else {
            members.append(JSONMember("reasoning_content", reasoning))
        }
        return JSONNode(members)
    }

    private static func withParsedArguments(_ call: JSONNode) -> JSONNode {
        guard let members = call.object else { return call }
        return JSONNode(
            members.map { member in
                if member.key == "function" { return JSONMember("function", withParsedArguments(member.node)) }
                if member.key == "arguments", let text = member.node.string, let parsed = try? JSONParser().parse(text),
                    parsed.object != nil
                {
                    return JSONMember("arguments", parsed)
                }
                return member
            })
    }

    /// The conversation up to but without a message.
    func prefix(_ count: Int) -> Conversation {
        Conversation(messages: JSONNode(Array((messages.array ?? []).prefix(count))), tools: tools)
    }

    /// The conversation with other texts in the places of messages' contents.
    func replacingContents(by texts: [Int: String]) -> Conversation {
        var elements = messages.array ?? []
        for (index, text) in texts where elements.indices.contains(index) {
            guard let members = elements[index].object else { continue }
            elements[index] = JSONNode(members.map { $0.key == "content" ? JSONMember("content", JSONNode(text)) : $0 })
        }
        return Conversation(messages: JSONNode(elements), tools: tools)
    }

    /// The conversation with another text in the place of one message's content; nil if the message has no text.
    func replacingContent(of message: Int, by text: String) -> Conversation? {
        guard var elements = messages.array, elements.indices.contains(message), let members = elements[message].object else { return nil }
        var hasText = false
        elements[message] = JSONNode(
            members.map { member in
                guard member.key == "content" else { return member }
                if member.node.string != nil {
                    hasText = true
                    return JSONMember("content", JSONNode(text))
                }
                guard let parts = member.node.array else { return member }
                return JSONMember(
                    "content",
                    JSONNode(
                        parts.map { part in
                            guard let fields = part.object, part["text"]?.string != nil else { return part }
                            hasText = true
                            return JSONNode(fields.map { $0.key == "text" ? JSONMember("text", JSONNode(text)) : $0 })
                        }))
            })
        return hasText ? Conversation(messages: JSONNode(elements), tools: tools) : nil
    }
}
