import Constraints
import JSON

/// What the answers to a request must be, as the front asks for it.
struct ConstraintOrder: Sendable {
    enum Content: Sendable {
        case schema(JSONNode)
        /// - isForced: whether an answer is calls and nothing else.
        case calls([CallableTool], isForced: Bool, allowsSeveral: Bool)
    }
    let content: Content
    /// Orders with the same key are the same.
    let key: String

    /// - Returns: nil where the answers may be anything.
    init?(_ node: JSONNode?) throws(RequestFault) {
        guard let node, !node.isNull else { return nil }
        key = JSONWriter().string(node)
        if let schema = node["schema"] {
            content = .schema(schema)
            return
        }
        guard let tools = node["tools"]?.array, !tools.isEmpty else {
            throw RequestFault("bad_message", "an answer is to be nothing that is known")
        }
        let read = try tools.map { tool throws(RequestFault) in
            guard let name = tool["name"]?.string, !name.isEmpty else { throw RequestFault("bad_message", "a tool has no name") }
            return CallableTool(name: name, parameters: tool["parameters"], isStrict: tool["strict"]?.bool ?? false)
        }
        content = .calls(read, isForced: node["forced"]?.bool ?? false, allowsSeveral: node["several"]?.bool ?? true)
    }
}
