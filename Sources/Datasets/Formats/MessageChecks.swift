import JSON

/// Checks a list of messages and brings it into the one form that templates know.
enum MessageChecks {
    static let roles = ["system", "developer", "user", "assistant", "tool", "function"]
    private static let roleNames = "one of system, user, assistant, tool"

    /// What other formats call them.
    private static let otherNames = [
        "human": "user", "prompter": "user", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant",
        "ai": "assistant", "ipython": "tool", "tool_results": "tool", "observation": "tool",
    ]

    /// Adds what is wrong.
    /// - Parameters:
    ///   - path: the field that holds the list, for example `messages`.
    ///   - needsAssistant: whether there must be an answer to learn from.
    /// - Returns: the messages as templates want them, or nil if something is wrong.
    static func check(_ list: JSONNode, path: String, needsAssistant: Bool = true, _ findings: inout RecordFindings) -> JSONNode? {
        let before = findings.problems.count
        guard let elements = list.array else {
            findings.wrongType(path, list, expected: "a list of messages")
            return nil
        }
        guard !elements.isEmpty else {
            findings.add("empty_field", path, at: list, found: "an empty list", expected: "at least one message", "is empty")
            return nil
        }
        var calls: Set<String> = []
        var hasCalls = false
        var normalized: [JSONNode] = []
        for (index, message) in elements.enumerated() {
            if let checked = check(message, path: "\(path)[\(index)]", &findings) { normalized.append(checked) }
            checkAnswers(message, path: "\(path)[\(index)]", &calls, &hasCalls, &findings)
        }
        if needsAssistant, findings.problems.count == before,
            !elements.contains(where: { $0["role"]?.string == "assistant" && $0["weight"]?.double != 0 })
        {
            let isMuted = elements.contains { $0["role"]?.string == "assistant" }
            findings.add(
                "no_assistant", path, at: list, found: isMuted ? "assistant messages of weight 0 only" : "no assistant message",
                expected: "an assistant message to learn from",
                isMuted ? "every assistant message has weight 0: there is nothing to learn" : "holds no assistant turn to learn from")
        }
        return findings.problems.count == before ? JSONNode(.array(normalized), offset: list.offset) : nil
    }

    private static func check(_ message: JSONNode, path: String, _ findings: inout RecordFindings) -> JSONNode? {
        guard message.object != nil else {
            findings.wrongType(path, message, expected: "an object with role and content")
            return nil
        }
        let role = checkRole(message, path, &findings)
        if let weight = message["weight"], !weight.isNull {
            checkWeight(weight, isOfAssistant: role == "assistant", path + ".weight", &findings)
        }
        for key in ["name", "tool_call_id", "reasoning_content"] {
            if let value = message[key], !value.isNull, value.string == nil {
                findings.wrongType("\(path).\(key)", value, expected: "a string")
            }
        }
        let callsTools = ToolChecks.checkCalls(message, role: role, path: path, &findings)
        let content = checkContent(message, role: role, callsTools: callsTools, path, &findings)
        return normalized(message, content: content)
    }

    /// What a message may count, at most: more is a rate and no weight.
    private static let largestWeight = 100.0

    /// What a message counts is the assistant's alone, for nobody else's words are learnt by turn;
    /// 0 and 1 say nothing new of others.
    /// - Returns: whether it is a weight.
    @discardableResult
    static func checkWeight(_ weight: JSONNode, isOfAssistant: Bool, _ path: String, _ findings: inout RecordFindings) -> Bool {
        let found = RecordFindings.shown(weight)
        guard let number = weight.double, number >= 0, number <= largestWeight else {
            findings.add(
                "invalid_value", path, at: weight, found: found, expected: "a number from 0 to 100",
                "is \(found), no number from 0 (not learnt) to 100: 1 is what a message counts without it")
            return false
        }
        guard isOfAssistant || number == 0 || number == 1 else {
            findings.add(
                "invalid_value", path, at: weight, found: found, expected: "a weight of an assistant message",
                "is \(found), but only what the assistant says has a weight: take it out")
            return false
        }
        return true
    }

    private static func checkRole(_ message: JSONNode, _ path: String, _ findings: inout RecordFindings) -> String? {
        guard let role = message["role"] else {
            findings.missing(path + ".role", in: message, expected: roleNames)
            return nil
        }
        guard let name = role.string else {
            findings.wrongType(path + ".role", role, expected: "a string")
            return nil
        }
        guard roles.contains(name) else {
            let near = roles.contains(name.lowercased()) ? name.lowercased() : otherNames[name.lowercased()]
            findings.add(
                "unknown_role", path + ".role", at: role, found: "\"\(name.prefix(40))\"", expected: roleNames,
                "\"\(name.prefix(40))\" is not \(roleNames)" + (near.map { "; did you mean \($0)?" } ?? ""))
            return nil
        }
        if name == "function" {
            findings.warn("deprecated", path + ".role", at: role, "the role function is deprecated: it is read as tool")
        }
        return name
    }

    /// - Returns: the content as one text; nil where there is none or it is wrong.
    private static func checkContent(
        _ message: JSONNode, role: String?, callsTools: Bool, _ path: String, _ findings: inout RecordFindings
    ) -> String? {
        let field = path + ".content"
        guard let content = message["content"] else {
            if !callsTools { findings.missing(field, in: message, expected: "a string") }
            return nil
        }
        if content.isNull {
            if !callsTools {
                let mayCall = role == "assistant"
                findings.add(
                    "wrong_type", field, at: content, found: "null", expected: mayCall ? "a string, or tool_calls beside it" : "a string",
                    mayCall ? "is null, and there are no tool_calls" : "is null, not a string")
            }
            return nil
        }
        var text = ""
        if let parts = content.array {
            for (index, part) in parts.enumerated() {
                let path = "\(field)[\(index)]"
                guard part.object != nil else {
                    findings.wrongType(path, part, expected: "an object with type and text")
                    continue
                }
                if let type = part["type"], !["text", "input_text", "output_text"].contains(type.string ?? "") {
                    findings.add(
                        "invalid_value", path + ".type", at: type, found: RecordFindings.shown(type), expected: "\"text\"",
                        "is \(RecordFindings.shown(type)): parts other than text cannot be trained on")
                    continue
                }
                guard let piece = part["text"] else {
                    findings.missing(path + ".text", in: part, expected: "a string")
                    continue
                }
                guard let words = piece.string else {
                    findings.wrongType(path + ".text", piece, expected: "a string")
                    continue
                }
                text += words
            }
        } else if let words = content.string {
            text = words
        } else {
            findings.wrongType(field, content, expected: "a string")
            return nil
        }
        let reasons = message["reasoning_content"]?.string?.isEmpty == false
        if text.isEmpty, !callsTools, !reasons, role == "assistant" || role == "user" {
            findings.add("empty_field", field, at: content, found: "an empty string", expected: "some text", "is empty")
        }
        return text
    }

    /// An answer of a tool should follow a call of it.
    private static func checkAnswers(
        _ message: JSONNode, path: String, _ calls: inout Set<String>, _ hasCalls: inout Bool, _ findings: inout RecordFindings
    ) {
        if let elements = message["tool_calls"]?.array, !elements.isEmpty {
            hasCalls = true
            calls.formUnion(elements.compactMap { $0["id"]?.string })
        }
        if message["function_call"]?.object != nil { hasCalls = true }
        guard message["role"]?.string == "tool" else { return }
        if !hasCalls {
            findings.warn("tool_without_call", path, at: message, "a tool's answer without a message with tool_calls before it")
        } else if let id = message["tool_call_id"]?.string, !calls.isEmpty, !calls.contains(id) {
            findings.warn(
                "tool_without_call", path + ".tool_call_id", at: message, "\"\(id.prefix(40))\" is not the id of a call before it")
        }
    }

    /// Content as one text, `function` as `tool`, `function_call` as `tool_calls`.
    private static func normalized(_ message: JSONNode, content: String?) -> JSONNode {
        let needsChange =
            message["content"]?.array != nil || message["role"]?.string == "function" || message["function_call"] != nil
            || message["weight"]?.isNull == true
        guard needsChange, let members = message.object else { return message }
        var changed: [JSONMember] = []
        for member in members {
            switch member.key {
            case "content" where member.node.array != nil: changed.append(JSONMember("content", JSONNode(content ?? "")))
            case "role" where member.node.string == "function": changed.append(JSONMember("role", "tool"))
            case "function_call":
                if member.node.object != nil, message["tool_calls"]?.array == nil {
                    changed.append(JSONMember("tool_calls", [["type": "function", "function": member.node]]))
                }
            case "weight" where member.node.isNull: break
            default: changed.append(member)
            }
        }
        return JSONNode(.object(changed), offset: message.offset)
    }
}
