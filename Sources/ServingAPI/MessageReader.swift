import JSON

/// The messages of a chat request.
enum MessageReader {
    private static let roles = ["system", "developer", "user", "assistant", "tool"]
    private static let limit = 10_000

    /// - Throws: ``APIError`` naming the message.
    static func check(_ messages: JSONNode) throws(APIError) {
        guard let elements = messages.array, !elements.isEmpty, elements.count <= limit else {
            throw APIError(
                400,
                "messages is \(messages.array == nil ? messages.kindName : "a list of \(messages.array?.count ?? 0)"), but must be a "
                    + "list of 1 to \(limit) messages.", parameter: "messages", code: "invalid_value")
        }
        for (index, message) in elements.enumerated() {
            let name = "messages[\(index)]"
            func wrong(_ field: String, _ wanted: String) -> APIError {
                APIError(400, "\(name)\(field) must be \(wanted).", parameter: name + field, code: "invalid_value")
            }
            guard let members = message.object else { throw wrong("", "an object") }
            guard let role = message["role"]?.string, roles.contains(role) else {
                throw wrong(".role", "one of " + roles.joined(separator: ", "))
            }
            for member in members where !["role", "content", "name", "tool_calls", "tool_call_id", "refusal"].contains(member.key) {
                throw APIError(
                    400, "\(name) has \(APIError.shown(JSONNode(member.key))), which is no field of a message.",
                    parameter: "\(name).\(member.key)", code: "unknown_parameter")
            }
            try checkCalls(message, name)
            let content = message["content"] ?? .null
            if content.isNull {
                guard role == "assistant", message["tool_calls"]?.array != nil else {
                    throw wrong(".content", "a string or a list of parts")
                }
            } else if let parts = content.array {
                for (place, part) in parts.enumerated() {
                    guard part["type"]?.string == "text", part["text"]?.string != nil else {
                        throw wrong(".content[\(place)]", "a part of type text")
                    }
                }
            } else if content.string == nil {
                throw wrong(".content", "a string or a list of parts")
            }
        }
    }

    /// The messages with the texts of parts joined, without members that say nothing.
    static func flattened(_ messages: JSONNode) -> JSONNode {
        JSONNode(
            (messages.array ?? []).map { message in
                JSONNode(
                    (message.object ?? []).filter { !$0.node.isNull || $0.key == "content" }.map { member in
                        guard member.key == "content", let parts = member.node.array else { return member }
                        return JSONMember("content", JSONNode(parts.compactMap { $0["text"]?.string }.joined()))
                    })
            })
    }
}
