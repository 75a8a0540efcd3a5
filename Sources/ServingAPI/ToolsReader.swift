import Constraints
import JSON

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`.
struct ToolsReader {
    /// What the template is given; nil where the model is to hear of no tools.
    private(set) var shown: JSONNode?
    /// What an engine is told of the answers; nil where they may be anything.
    private(set) var answer: JSONNode?
    /// What of schemas is not enforced.
    private(set) var notEnforced: [String] = []

    private static let limit = 128

    /// - Throws: ``APIError``.
    init(_ fields: inout FieldReader) throws(APIError) {
        let given = fields.take("tools")
        let choice = fields.take("tool_choice")
        let allowsSeveral = try fields.flag("parallel_tool_calls")
        guard let given, given.array?.isEmpty != true else {
            if let choice, choice.string != "none", choice.string != "auto" {
                throw APIError(400, "tool_choice needs tools.", parameter: "tool_choice", code: "invalid_value")
            }
            return
        }
        guard let elements = given.array, elements.count <= Self.limit else {
            throw fields.wrong("tools", given, "a list of at most \(Self.limit) tools")
        }
        var tools: [CallableTool] = []
        for (index, element) in elements.enumerated() {
            let tool = try Self.tool(element, "tools[\(index)]")
            guard !tools.contains(where: { $0.name == tool.name }) else {
                throw APIError(
                    400, "tools[\(index)].function.name is \(tool.name), as that of another tool.",
                    parameter: "tools[\(index)].function.name", code: "invalid_value")
            }
            tools.append(tool)
        }
        let (allowed, isForced) = try Self.choice(choice, tools)
        guard let allowed else { return }
        try check(tools)
        shown = JSONNode(elements.map(Self.shown))
        answer = [
            "tools": JSONNode(
                allowed.map { tool in
                    var members = [JSONMember("name", JSONNode(tool.name)), JSONMember("strict", JSONNode(tool.isStrict))]
                    if let parameters = tool.parameters { members.append(JSONMember("parameters", parameters)) }
                    return JSONNode(members)
                }), "forced": JSONNode(isForced), "several": JSONNode(allowsSeveral ?? true),
        ]
    }

    private static func tool(_ node: JSONNode, _ path: String) throws(APIError) -> CallableTool {
        var fields = try FieldReader(node, prefix: path + ".")
        guard try fields.string("type") == "function" else {
            throw APIError(400, "\(path).type must be \"function\".", parameter: path + ".type", code: "unsupported_parameter")
        }
        guard let inner = fields.take("function") else {
            throw APIError(400, "\(path).function is missing.", parameter: path + ".function", code: "missing_required_parameter")
        }
        try fields.finish()
        var function = try FieldReader(inner, prefix: path + ".function.")
        guard let name = try function.string("name"), isName(name) else {
            throw APIError(
                400, "\(path).function.name must be 1 to 64 letters, digits, _ or -.", parameter: path + ".function.name",
                code: "invalid_value")
        }
        _ = try function.string("description")
        let isStrict = try function.flag("strict") ?? false
        let parameters = function.take("parameters")
        if let parameters, parameters.object == nil || (parameters["type"] != nil && parameters["type"]?.string != "object") {
            throw function.wrong("parameters", parameters, "a JSON Schema of type object", code: "invalid_type")
        }
        try function.finish()
        // What takes any object is the schema of an object.
        let schema = parameters.map { node in
            node["type"] == nil && node["$ref"] == nil ? JSONNode([JSONMember("type", "object")] + (node.object ?? [])) : node
        }
        return CallableTool(name: name, parameters: schema, isStrict: isStrict)
    }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D
            }
    }

    /// - Returns: the tools that may be called, and whether one must be; nil for none.
    private static func choice(_ node: JSONNode?, _ tools: [CallableTool]) throws(APIError) -> ([CallableTool]?, Bool) {
        func wrong(_ wanted: String) -> APIError {
            APIError(
                400, "tool_choice is \(APIError.shown(node ?? .null)), but must be \(wanted).", parameter: "tool_choice",
                code: "invalid_value")
        }
        func named(_ node: JSONNode) throws(APIError) -> CallableTool {
            guard let name = node["function"]?["name"]?.string, let tool = tools.first(where: { $0.name == name }) else {
                throw wrong("the name of one of the tools")
            }
            return tool
        }
        switch node?.string {
        case "none"?: return (nil, false)
        case "required"?: return (tools, true)
        case "auto"?: return (tools, false)
        default: break
        }
        guard let node else { return (tools, false) }
        switch node["type"]?.string {
        case "function"?: return ([try named(node)], true)
        case "allowed_tools"?:
            guard let inner = node["allowed_tools"], let elements = inner["tools"]?.array, !elements.isEmpty,
                let mode = inner["mode"]?.string, mode == "auto" || mode == "required"
            else { throw wrong("allowed_tools with mode auto or required and a list of tools") }
            let allowed = try elements.map { element throws(APIError) in try named(element).name }
            return (tools.filter { allowed.contains($0.name) }, mode == "required")
        default: throw wrong("none, auto, required, or the function that is to be called")
        }
    }

    /// Tries the schemas, so that what cannot be kept to is refused here.
    private mutating func check(_ tools: [CallableTool]) throws(APIError) {
        var ignored: [(tool: Int, path: String)] = []
        do throws(ConstraintError) {
            _ = try Automaton(callsOf: tools, in: .generic, isTriggered: false, allowsSeveral: true, ignored: &ignored)
        } catch {
            // `[3].properties.a`: the number of the tool, and the place in its schema.
            let end = error.path.firstIndex(of: "]").map { error.path.index(after: $0) } ?? error.path.startIndex
            let path = "tools\(error.path[..<end]).function.parameters\(error.path[end...])"
            throw APIError(400, "\(path) \(error.reason).", parameter: path, code: "invalid_function_parameters")
        }
        notEnforced = ignored.map { "tools[\($0.tool)].function.parameters\($0.path)" }
    }

    /// A tool as templates know it.
    private static func shown(_ node: JSONNode) -> JSONNode {
        JSONNode(
            (node.object ?? []).map { member in
                guard member.key == "function", let members = member.node.object else { return member }
                return JSONMember("function", JSONNode(members.filter { $0.key != "strict" && !$0.node.isNull }))
            })
    }
}
