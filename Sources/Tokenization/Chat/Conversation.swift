package import JSON

/// Messages, and the tools that the assistant may call in them.
package struct Conversation: Sendable, Hashable {
    /// A list of objects with `role` and `content`, and what else the template knows: `tool_calls`,
    /// `reasoning_content`, `name` ... A message of the assistant may have `weight`: 0 leaves it
    /// out of the loss.
    package var messages: JSONNode
    /// A list of tool schemas, or nil.
    package var tools: JSONNode?
    /// More variables of the template, such as `documents`: an object, or nil.
    package var variables: JSONNode?
    /// The member of the record that holds the messages, for findings.
    package var list = "messages"
    /// The JSON paths of the first messages, where they do not stand in that list.
    package var paths: [String] = []
    /// The member that holds a message's text in the record, with a period before it; empty where
    /// the path is the text's own.
    package var textMember = ".content"
    /// How the messages are put to the template.
    package var form = ConversationForm()

    package init(messages: JSONNode, tools: JSONNode? = nil) {
        self.messages = messages
        self.tools = tools
    }

    /// The JSON path of a message in its record.
    package func path(of message: Int) -> String {
        paths.indices.contains(message) ? paths[message] : "\(list)[\(message - paths.count)]"
    }

    /// The messages in the form that the template takes.
    var normalizedMessages: JSONNode {
        guard let elements = messages.array, !elements.allSatisfy(form.leavesAlone) else { return messages }
        return JSONNode(elements.map(form.message))
    }

    /// The conversation with other messages.
    func with(messages: [JSONNode]) -> Conversation {
        var changed = self
        changed.messages = JSONNode(messages)
        return changed
    }

    /// The conversation up to but without a message.
    func prefix(_ count: Int) -> Conversation {
        with(messages: Array((messages.array ?? []).prefix(count)))
    }

    /// The conversation without what some of its messages say under the names of reasoning.
    func withoutReasoning(_ chosen: Set<Int>) -> Conversation {
        let elements = (messages.array ?? []).enumerated().map { index, message in
            guard chosen.contains(index), let members = message.object else { return message }
            return JSONNode(members.filter { !ConversationForm.reasoningNames.contains($0.key) })
        }
        return with(messages: elements)
    }

    /// The conversation with other texts in the places of messages' contents.
    func replacingContents(by texts: [Int: String]) -> Conversation {
        var elements = messages.array ?? []
        for (index, text) in texts where elements.indices.contains(index) {
            guard let members = elements[index].object else { continue }
            elements[index] = JSONNode(members.map { $0.key == "content" ? JSONMember("content", JSONNode(text)) : $0 })
        }
        return with(messages: elements)
    }

    /// The conversation with another text in the place of one message's content; nil if the message
    /// has no text.
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
        return hasText ? with(messages: elements) : nil
    }
}
