import JSON

/// Checks the shape of one line of a chat dataset, so that errors name the field.
enum ConversationChecks {
    private static let roles = ["system", "developer", "user", "assistant", "tool", "function"]

    /// - Throws: ``DatasetProblem`` with the first thing that is wrong.
    static func check(_ node: JSONNode, file: String, line: Int) throws(DatasetProblem) {
        func problem(_ field: String?, _ message: String) -> DatasetProblem {
            DatasetProblem(kind: "invalid_message", file: file, line: line, field: field, message)
        }
        guard node.object != nil else { throw problem(nil, "the line is \(node.kindName), not an object") }
        guard let messages = node["messages"] else {
            throw problem(
                "messages",
                node["prompt"] != nil ? "is missing; this is the prompt/completion format: set train_on: completion" : "is missing")
        }
        guard let elements = messages.array else { throw problem("messages", "is \(messages.kindName), not a list") }
        guard !elements.isEmpty else { throw problem("messages", "is empty") }
        for (index, message) in elements.enumerated() {
            let path = "messages[\(index)]"
            guard message.object != nil else { throw problem(path, "is \(message.kindName), not an object") }
            guard let role = message["role"] else { throw problem(path + ".role", "is missing") }
            guard let name = role.string else { throw problem(path + ".role", "is \(role.kindName), not a string") }
            guard roles.contains(name) else {
                throw problem(path + ".role", "\"\(name.prefix(40))\" is not one of system, user, assistant, tool")
            }
            if let weight = message["weight"], weight.double != 0, weight.double != 1 {
                throw problem(path + ".weight", "is neither 0 nor 1")
            }
            let callsTools = (message["tool_calls"]?.array?.isEmpty == false) || message["function_call"]?.object != nil
            guard let content = message["content"] else {
                if callsTools { continue }
                throw problem(path + ".content", "is missing")
            }
            if content.isNull {
                if callsTools { continue }
                throw problem(path + ".content", "is null, and there are no tool_calls")
            }
            if let parts = content.array {
                if parts.contains(where: { $0.object == nil }) {
                    throw problem(path + ".content", "is a list with something that is no object")
                }
                continue
            }
            guard let text = content.string else { throw problem(path + ".content", "is \(content.kindName), not a string") }
            if text.isEmpty, !callsTools, name == "assistant" || name == "user" { throw problem(path + ".content", "is empty") }
        }
        guard elements.contains(where: { $0["role"]?.string == "assistant" && $0["weight"]?.double != 0 }) else {
            throw problem("messages", "holds no assistant turn to learn from")
        }
    }
}
