package import JSON

/// A request of `/v1/responses`, read as the chat request that it comes to. Nothing is kept between
/// requests: what came before stands in `input`.
package struct ResponsesRequest: Sendable {
    package var text: TextRequest
    /// Members of the answer that repeat the request.
    let echoed: [JSONMember]

    /// - Throws: ``APIError`` naming the field of this request.
    package init(_ body: JSONNode) throws(APIError) {
        var fields = try FieldReader(body)
        var chat: [JSONMember] = []
        /// For each message the place in the request that it comes from.
        var places: [String] = []
        var messages: [JSONNode] = []
        let instructions = try fields.string("instructions")
        if let instructions {
            messages.append(["role": "system", "content": JSONNode(instructions)])
            places.append("instructions")
        }
        guard let input = fields.take("input") else {
            throw APIError(400, "input is missing: a text or a list of items.", parameter: "input", code: "missing_required_parameter")
        }
        try ResponsesInput.append(input, &messages, &places)
        chat.append(JSONMember("messages", JSONNode(messages)))
        for (name, own) in [
            ("model", "model"), ("temperature", "temperature"), ("top_p", "top_p"), ("max_output_tokens", "max_completion_tokens"),
            ("stream", "stream"), ("parallel_tool_calls", "parallel_tool_calls"), ("metadata", "metadata"), ("user", "user"),
            ("safety_identifier", "safety_identifier"), ("prompt_cache_key", "prompt_cache_key"), ("service_tier", "service_tier"),
            ("seed", "seed"), ("top_k", "top_k"), ("min_p", "min_p"), ("repetition_penalty", "repetition_penalty"),
            ("chat_template_kwargs", "chat_template_kwargs"),
        ] {
            if let value = fields.take(name) { chat.append(JSONMember(own, value)) }
        }
        if let tools = fields.take("tools") { chat.append(JSONMember("tools", try Self.tools(tools))) }
        let choice = fields.take("tool_choice")
        if let choice {
            let function: JSONNode = ["type": "function", "function": ["name": choice["name"] ?? ""]]
            let named = choice["type"]?.string == "function" ? function : choice
            chat.append(JSONMember("tool_choice", named))
        }
        var format: JSONNode = ["type": "text"]
        if let text = fields.take("text") {
            var inner = try FieldReader(text, prefix: "text.")
            if let given = inner.take("format") {
                format = given
                chat.append(JSONMember("response_format", Self.format(given)))
            }
            try inner.unsupported("verbosity", unless: ["medium"])
            try inner.finish()
        }
        if let reasoning = fields.take("reasoning") {
            var inner = try FieldReader(reasoning, prefix: "reasoning.")
            if let effort = try inner.string("effort") { chat.append(JSONMember("reasoning_effort", JSONNode(effort))) }
            inner.accept("summary", "generate_summary")
            try inner.finish()
        }
        try Self.refuseState(&fields)
        try fields.finish()
        do throws(APIError) { text = try TextRequest.chat(JSONNode(chat)) } catch { throw Self.renamed(error, places) }
        // The last event of a stream holds what was used.
        text.includesUsage = text.streams
        let parallel = body["parallel_tool_calls"] ?? true
        echoed = [
            JSONMember("instructions", instructions.map { JSONNode($0) } ?? .null),
            JSONMember("max_output_tokens", body["max_output_tokens"] ?? .null),
            JSONMember("metadata", body["metadata"] ?? [:]), JSONMember("parallel_tool_calls", parallel),
            JSONMember("previous_response_id", nil),
            JSONMember("reasoning", ["effort": body["reasoning"]?["effort"] ?? .null, "summary": nil]), JSONMember("store", false),
            JSONMember("temperature", body["temperature"] ?? 1), JSONMember("text", ["format": format]),
            JSONMember("tool_choice", choice ?? "auto"),
            JSONMember("tools", body["tools"] ?? []), JSONMember("top_p", body["top_p"] ?? 1), JSONMember("truncation", "disabled"),
            JSONMember("user", body["user"] ?? .null),
        ]
    }

    /// What would need answers to be kept.
    private static func refuseState(_ fields: inout FieldReader) throws(APIError) {
        for name in ["previous_response_id", "conversation", "prompt", "max_tool_calls", "context_management"] {
            try fields.unsupported(name)
        }
        try fields.unsupported("store", unless: [false])
        try fields.unsupported("background", unless: [false])
        try fields.unsupported("truncation", unless: ["disabled"])
        try fields.unsupported("top_logprobs", unless: [0])
        fields.accept("prompt_cache_retention")
        if let include = fields.take("include") {
            // Nothing here is encrypted, so there is nothing to include.
            guard let names = include.array, names.allSatisfy({ $0.string == "reasoning.encrypted_content" }) else {
                throw APIError(400, "include is not supported.", parameter: "include", code: "unsupported_parameter")
            }
        }
        if let options = fields.take("stream_options") {
            var inner = try FieldReader(options, prefix: "stream_options.")
            inner.accept("include_obfuscation")
            try inner.finish()
        }
    }

    /// Tools with the `function` around them that chat has.
    private static func tools(_ node: JSONNode) throws(APIError) -> JSONNode {
        guard let elements = node.array else {
            throw APIError(400, "tools must be a list of tools.", parameter: "tools", code: "invalid_type")
        }
        return JSONNode(
            try elements.enumerated().map { index, element throws(APIError) in
                guard element["type"]?.string == "function", let members = element.object else {
                    throw APIError(
                        400, "tools[\(index)].type is \(APIError.shown(element["type"] ?? .null)), but only functions are supported.",
                        parameter: "tools[\(index)].type", code: "unsupported_parameter")
                }
                return ["type": "function", "function": JSONNode(members.filter { $0.key != "type" })]
            })
    }

    private static func format(_ node: JSONNode) -> JSONNode {
        guard node["type"]?.string == "json_schema", let members = node.object else { return node }
        return ["type": "json_schema", "json_schema": JSONNode(members.filter { $0.key != "type" })]
    }

    /// An error of the chat request, about this one's fields.
    private static func renamed(_ error: APIError, _ places: [String]) -> APIError {
        var error = error
        guard var name = error.parameter else { return error }
        let old = name
        if name.hasPrefix("messages["), let end = name.firstIndex(of: "]"), let index = Int(name.dropFirst(9).prefix { $0 != "]" }),
            places.indices.contains(index)
        {
            name = places[index] + name[name.index(after: end)...]
        }
        for (from, to) in [
            ("messages", "input"), ("max_completion_tokens", "max_output_tokens"), ("response_format.json_schema", "text.format"),
            ("response_format", "text.format"), ("reasoning_effort", "reasoning.effort"),
        ] where name.hasPrefix(from) { name = to + name.dropFirst(from.count) }
        if name.hasPrefix("tools[") { name = name.replacing("].function", with: "]", maxReplacements: 1) }
        (error.parameter, error.message) = (name, error.message.replacing(old, with: name))
        return error
    }
}

/// The items of `input` as messages.
enum ResponsesInput {
    /// - Parameter places: where the place of each message in the request is added.
    /// - Throws: ``APIError``.
    static func append(_ input: JSONNode, _ messages: inout [JSONNode], _ places: inout [String]) throws(APIError) {
        if input.string != nil {
            messages.append(["role": "user", "content": input])
            places.append("input")
            return
        }
        guard let items = input.array, !items.isEmpty, items.count <= 10_000 else {
            throw APIError(400, "input must be a text or a list of 1 to 10000 items.", parameter: "input", code: "invalid_type")
        }
        for (index, item) in items.enumerated() {
            let name = "input[\(index)]"
            switch item["type"]?.string ?? (item["role"] == nil ? "" : "message") {
            case "message":
                let role = item["role"] ?? .null
                messages.append(["role": role, "content": try content(item["content"] ?? .null, name + ".content")])
                places.append(name)
            case "function_call":
                let call: JSONNode = [
                    "id": item["call_id"] ?? .null, "type": "function",
                    "function": ["name": item["name"] ?? .null, "arguments": item["arguments"] ?? .null],
                ]
                // Calls of one turn, and the text before them, are one message.
                if let last = messages.last, last["role"]?.string == "assistant", places.last?.hasPrefix("input[") == true {
                    let calls = (last["tool_calls"]?.array ?? []) + [call]
                    messages[messages.count - 1] = [
                        "role": "assistant", "content": last["content"] ?? .null, "tool_calls": JSONNode(calls),
                    ]
                } else {
                    messages.append(["role": "assistant", "content": nil, "tool_calls": [call]])
                    places.append(name)
                }
            case "function_call_output":
                messages.append([
                    "role": "tool", "tool_call_id": item["call_id"] ?? .null,
                    "content": try content(item["output"] ?? .null, name + ".output"),
                ])
                places.append(name)
            case "reasoning": continue
            default:
                throw APIError(
                    400, "\(name).type is \(APIError.shown(item["type"] ?? .null)), which is not supported.", parameter: name + ".type",
                    code: "unsupported_parameter")
            }
        }
    }

    /// Texts of the API's several kinds as text.
    private static func content(_ node: JSONNode, _ name: String) throws(APIError) -> JSONNode {
        guard let parts = node.array else { return node }
        let texts = try parts.enumerated().map { index, part throws(APIError) in
            guard ["input_text", "output_text", "text"].contains(part["type"]?.string ?? ""), let text = part["text"]?.string else {
                throw APIError(
                    400, "\(name)[\(index)] must be a text.", parameter: "\(name)[\(index)]", code: "unsupported_parameter")
            }
            return text
        }
        return JSONNode(texts.joined())
    }
}
