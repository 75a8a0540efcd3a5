import JSON

/// How a conversation is put to a template, where templates differ in what they can take.
///
/// The first form is transformers' own. Another one is taken where a template fails with it or does
/// not show everything in it (``TemplateReview``).
package struct ConversationForm: Sendable, Hashable {
    /// How the arguments of a call stand in the message.
    enum Arguments: Sendable, Hashable, CaseIterable {
        /// A JSON object. Most templates write it with `tojson`.
        case object
        /// JSON text, as OpenAI's format has it. Templates that join it to other text need it so.
        case text
    }
    /// What stands in the content of an assistant's message that calls tools and says nothing.
    enum EmptyContent: Sendable, Hashable, CaseIterable {
        /// What the data has; null is left out, as transformers leaves it out.
        case asGiven
        case emptyText
        case null
    }
    var arguments = Arguments.object
    var emptyContent = EmptyContent.asGiven
    /// Whether the role `developer` is given to the template as `system`, as llama.cpp and vLLM do.
    package var developerIsSystem = false

    /// Whether a call that is written without it gets the `function` around its name and arguments.
    var wrapsCalls = false

    package init() {}

    /// A message as templates want it.
    ///
    /// Null members are left out, as transformers' `apply_chat_template` does. The weight is
    /// nothing that a template should see. Reasoning goes by several names, and templates know one
    /// of them.
    func message(_ message: JSONNode) -> JSONNode {
        guard var members = message.object else { return message }
        let content = message["content"]
        let calls = message["tool_calls"]?.array ?? []
        members.removeAll { $0.key == "weight" || $0.node.isNull }
        if !calls.isEmpty, message["role"]?.string == "assistant", content?.string?.isEmpty ?? content?.isNull ?? true {
            switch emptyContent {
            case .asGiven: break
            case .emptyText: Self.set("content", "", &members)
            case .null: Self.set("content", nil, &members)
            }
        }
        Self.addReasoning(&members)
        for place in members.indices {
            switch members[place].key {
            case "role" where developerIsSystem && members[place].node.string == "developer": members[place].node = "system"
            case "tool_calls" where !calls.isEmpty:
                members[place].node = JSONNode(calls.map { call(wrapsCalls ? Self.wrapped($0) : $0) })
            default: break
            }
        }
        return JSONNode(members)
    }

    /// Whether a message is in this form as it stands: most are.
    func leavesAlone(_ message: JSONNode) -> Bool {
        guard let members = message.object else { return true }
        return members.allSatisfy { member in
            guard !member.node.isNull else { return false }
            switch member.key {
            case "tool_calls", "weight": return false
            case "role": return !developerIsSystem || member.node.string != "developer"
            default: return !Self.reasoningNames.contains(member.key)
            }
        }
    }

    private static func set(_ key: String, _ node: JSONNode, _ members: inout [JSONMember]) {
        if let place = members.firstIndex(where: { $0.key == key }) {
            members[place].node = node
        } else {
            members.append(JSONMember(key, node))
        }
    }

    /// The names of a message's reasoning; the one that most templates read comes first.
    static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// Puts a message's reasoning under the names that templates read, as transformers'
    /// `apply_chat_template` does.
    private static func addReasoning(_ members: inout [JSONMember]) {
        guard let name = reasoningNames.first(where: { name in members.contains { $0.key == name } }),
            let reasoning = members.first(where: { $0.key == name })?.node
        else { return }
        if !members.contains(where: { $0.key == "thinking" }) { members.insert(JSONMember("thinking", reasoning), at: 0) }
        set("reasoning_content", reasoning, &members)
    }

    /// Whether a call has its name beside its type, not in a `function` of its own.
    static func isFlat(_ call: JSONNode) -> Bool { call["function"] == nil && call["name"] != nil }

    private static func wrapped(_ call: JSONNode) -> JSONNode {
        guard isFlat(call), let members = call.object else { return call }
        let (own, function) = (members.filter { $0.key == "id" }, members.filter { $0.key == "name" || $0.key == "arguments" })
        return JSONNode(own + [JSONMember("type", "function"), JSONMember("function", JSONNode(function))])
    }

    private func call(_ call: JSONNode) -> JSONNode {
        guard let members = call.object else { return call }
        return JSONNode(
            members.map { member in
                switch member.key {
                case "function": JSONMember("function", self.call(member.node))
                case "arguments": JSONMember("arguments", inForm(member.node))
                default: member
                }
            })
    }

    private func inForm(_ node: JSONNode) -> JSONNode {
        // A call without arguments is written in several ways.
        let isEmpty = node.isNull || node.string?.allSatisfy(\.isWhitespace) == true
        switch arguments {
        case .object:
            if isEmpty { return JSONNode([JSONMember]()) }
            guard let text = node.string, let parsed = try? JSONParser().parse(text), parsed.object != nil else { return node }
            return parsed
        case .text:
            if isEmpty { return "{}" }
            return node.string != nil ? node : JSONNode(PythonJSON.text(node))
        }
    }
}
