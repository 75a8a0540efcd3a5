import JSON

/// Checks tool calls and the schemas of tools.
enum ToolChecks {
    /// Adds what is wrong with `tool_calls` and the deprecated `function_call`.
    /// - Returns: whether the message calls a tool, rightly or not.
    static func checkCalls(_ message: JSONNode, role: String?, path: String, _ findings: inout RecordFindings) -> Bool {
        var calls = false
        if let list = message["tool_calls"], !list.isNull {
            let field = path + ".tool_calls"
            guard let elements = list.array else {
                findings.wrongType(field, list, expected: "a list of calls")
                return true
            }
            calls = !elements.isEmpty
            if calls, let role, role != "assistant" {
                findings.add(
                    "invalid_value", field, at: list, found: "tool_calls in a message of role \(role)",
                    expected: "tool_calls in assistant messages only", "only assistant messages call tools, this one is of role \(role)")
            }
            for (index, call) in elements.enumerated() { checkCall(call, "\(field)[\(index)]", &findings) }
        }
        if let call = message["function_call"], !call.isNull {
            findings.warn(
                "deprecated", path + ".function_call", at: call, "function_call is deprecated: it is read as a call in tool_calls")
            if call.object == nil {
                findings.wrongType(path + ".function_call", call, expected: "an object with name and arguments")
            } else {
                checkFunction(call, path + ".function_call", &findings)
            }
            calls = true
        }
        return calls
    }

    private static func checkCall(_ call: JSONNode, _ path: String, _ findings: inout RecordFindings) {
        guard call.object != nil else { return findings.wrongType(path, call, expected: "an object with type and function") }
        if let id = call["id"], !id.isNull, id.string == nil { findings.wrongType(path + ".id", id, expected: "a string") }
        if let type = call["type"], type.string != "function" {
            findings.add(
                "invalid_value", path + ".type", at: type, found: RecordFindings.shown(type), expected: "\"function\"",
                "is \(RecordFindings.shown(type)), not \"function\"")
        }
        if let function = call["function"] {
            guard function.object != nil else {
                return findings.wrongType(path + ".function", function, expected: "an object with name and arguments")
            }
            checkFunction(function, path + ".function", &findings)
        } else if call["name"] != nil {
            checkFunction(call, path, &findings)
        } else {
            findings.missing(path + ".function", in: call, expected: "an object with name and arguments")
        }
    }

    private static func checkFunction(_ function: JSONNode, _ path: String, _ findings: inout RecordFindings) {
        checkName(function, path, &findings)
        guard let arguments = function["arguments"] else {
            return findings.missing(path + ".arguments", in: function, expected: "a JSON object, or its text")
        }
        // A call without arguments is written in several ways.
        if arguments.object != nil || arguments.isNull { return }
        guard let text = arguments.string else {
            return findings.wrongType(path + ".arguments", arguments, expected: "a JSON object, or its text")
        }
        if text.allSatisfy(\.isWhitespace) { return }
        do throws(JSONError) {
            let parsed = try JSONParser().parse(text)
            if parsed.object == nil {
                findings.add(
                    "invalid_value", path + ".arguments", at: arguments, found: "the text of \(parsed.kindName)",
                    expected: "the text of a JSON object",
                    "holds \(parsed.kindName), not a JSON object")
            }
        } catch {
            findings.add(
                "invalid_value", path + ".arguments", at: arguments, found: "text that is no JSON", expected: "the text of a JSON object",
                "is no JSON text: \(error) (byte \(error.offset + 1))")
        }
    }

    private static func checkName(_ function: JSONNode, _ path: String, _ findings: inout RecordFindings) {
        guard let name = function["name"] else { return findings.missing(path + ".name", in: function, expected: "a string") }
        guard let text = name.string else { return findings.wrongType(path + ".name", name, expected: "a string") }
        if text.isEmpty { findings.add("empty_field", path + ".name", at: name, found: "an empty string", expected: "a name", "is empty") }
    }

    /// The tools of a record, checked: `tools`, or the deprecated `functions`. Some files keep the
    /// list as JSON text.
    /// - Returns: the list, or nil if there is none or it is wrong.
    static func tools(_ record: JSONNode, _ findings: inout RecordFindings) -> JSONNode? {
        if let functions = record["functions"], !functions.isNull, record["tools"] == nil {
            findings.warn("deprecated", "functions", at: functions, "functions is deprecated: it is read as tools")
            guard let elements = functions.array else {
                findings.wrongType("functions", functions, expected: "a list of function schemas")
                return nil
            }
            for (index, function) in elements.enumerated() { checkSchema(function, "functions[\(index)]", &findings) }
            return JSONNode(elements.map { ["type": "function", "function": $0] })
        }
        guard var tools = record["tools"], !tools.isNull else { return nil }
        if let text = tools.string {
            if text.isEmpty { return nil }
            guard let parsed = try? JSONParser().parse(text), parsed.array != nil else {
                findings.wrongType("tools", tools, expected: "a list of tools")
                return nil
            }
            tools = JSONNode(parsed.value, offset: tools.offset)
        }
        guard let elements = tools.array else {
            findings.wrongType("tools", tools, expected: "a list of tools")
            return nil
        }
        for (index, tool) in elements.enumerated() {
            let path = "tools[\(index)]"
            guard tool.object != nil else {
                findings.wrongType(path, tool, expected: "an object with type and function")
                continue
            }
            if let function = tool["function"] {
                checkSchema(function, path + ".function", &findings)
            } else if tool["name"] != nil {
                checkSchema(tool, path, &findings)
            } else {
                findings.missing(path + ".function", in: tool, expected: "an object with name and parameters")
            }
        }
        return elements.isEmpty ? nil : tools
    }

    private static func checkSchema(_ function: JSONNode, _ path: String, _ findings: inout RecordFindings) {
        guard function.object != nil else { return findings.wrongType(path, function, expected: "an object with name and parameters") }
        checkName(function, path, &findings)
        if let parameters = function["parameters"], !parameters.isNull, parameters.object == nil {
            findings.wrongType(path + ".parameters", parameters, expected: "a JSON schema object")
        }
        if let description = function["description"], !description.isNull, description.string == nil {
            findings.wrongType(path + ".description", description, expected: "a string")
        }
    }
}
