package import JSON

/// A request for text, checked: of `/v1/chat/completions` or `/v1/completions`.
package struct TextRequest: Sendable {
    package var isChat: Bool
    package var model: String
    /// What an engine takes as prompts: `{messages: …}`, `{text: …}` or `{ids: …}`; several only
    /// without chat.
    package var prompts: [JSONNode]
    package var maximumTokens: Int?
    package var choiceCount = 1
    package var stops: [String] = []
    /// Members of an engine's `sampling`.
    package var sampling: [JSONMember] = []
    package var seed: Int?
    /// Likeliest tokens beside each; nil: no probabilities.
    package var logProbabilities: Int?
    package var echoes = false
    package var streams = false
    package var includesUsage = false
    /// Tokens that an engine may guess from what the prompt says.
    package var lookup = 0
    /// What an engine is told of the answers; nil: they may be anything.
    package var answer: JSONNode?
    /// What of the tools' schemas is not enforced.
    package var notEnforced: [String] = []

    /// What an engine is asked for one of the prompts.
    package func engineMessage(id: Int, prompt: Int, of deployment: DeploymentTerms, scope: String, seed: Int) -> JSONNode {
        var members: [JSONMember] = [
            JSONMember("type", "generate"), JSONMember("id", JSONNode(id)), JSONMember("prompt", prompts[prompt]),
            JSONMember("scope", JSONNode(scope)), JSONMember("n", JSONNode(choiceCount)),
            JSONMember("sampling", JSONNode(sampling + [JSONMember("seed", JSONNode(seed))])),
            JSONMember("stop", JSONNode(stops.map { JSONNode($0) })),
        ]
        members += deployment.members
        if let maximumTokens { members.append(JSONMember("max_tokens", JSONNode(maximumTokens))) }
        if let logProbabilities { members.append(JSONMember("logprobs", JSONNode(logProbabilities))) }
        if lookup > 0 { members.append(JSONMember("lookup", JSONNode(lookup))) }
        if let answer { members.append(JSONMember("answer", answer)) }
        if echoes, logProbabilities != nil { members.append(JSONMember("echo", true)) }
        return JSONNode(members)
    }

    /// Reads a body of `/v1/chat/completions`.
    /// - Throws: ``APIError`` naming the field, what was given and what is allowed.
    package static func chat(_ body: JSONNode) throws(APIError) -> TextRequest {
        var fields = try FieldReader(body)
        var request = TextRequest(isChat: true, model: try model(&fields), prompts: [])
        guard let messages = fields.take("messages") else {
            throw APIError(400, "messages is missing: a list of messages.", parameter: "messages", code: "missing_required_parameter")
        }
        try MessageReader.check(messages)
        var prompt: [JSONMember] = [JSONMember("messages", MessageReader.flattened(messages))]
        let (older, newer) = (
            try fields.whole("max_tokens", 1...Int(Int32.max)), try fields.whole("max_completion_tokens", 1...Int(Int32.max))
        )
        if let older, let newer, older != newer {
            throw APIError(
                400, "max_tokens and max_completion_tokens are both given and differ.", parameter: "max_tokens", code: "invalid_value")
        }
        request.maximumTokens = newer ?? older
        let wants = try fields.flag("logprobs") ?? false
        let top = try fields.whole("top_logprobs", 0...20)
        if top != nil, !wants {
            throw APIError(400, "top_logprobs needs logprobs: true.", parameter: "top_logprobs", code: "invalid_value")
        }
        request.logProbabilities = wants ? top ?? 0 : nil
        let tools = try ToolsReader(&fields)
        request.answer = try FormatReader.answer(fields.take("response_format"))
        request.notEnforced = tools.notEnforced
        if let answer = tools.answer {
            guard request.answer == nil else {
                throw APIError(
                    400, "response_format is not supported beside tools that may be called: set tool_choice to none, or leave it out.",
                    parameter: "response_format", code: "unsupported_parameter")
            }
            request.answer = answer
        }
        if let shown = tools.shown { prompt.append(JSONMember("tools", shown)) }
        var variables: [JSONMember] = []
        if let given = fields.take("chat_template_kwargs") {
            guard let members = given.object else { throw fields.wrong("chat_template_kwargs", given, "an object", code: "invalid_type") }
            let own = [
                "messages", "tools", "documents", "add_generation_prompt", "chat_template", "bos_token", "eos_token", "pad_token",
                "unk_token",
            ]
            if let member = members.first(where: { own.contains($0.key) }) {
                throw APIError(
                    400, "chat_template_kwargs may not name \(member.key), which the template gets from the request.",
                    parameter: "chat_template_kwargs", code: "invalid_value")
            }
            variables += members
        }
        if let effort = try fields.string("reasoning_effort") { variables.append(JSONMember("reasoning_effort", JSONNode(effort))) }
        if !variables.isEmpty { prompt.append(JSONMember("variables", JSONNode(variables))) }
        request.prompts = [JSONNode(prompt)]
        for name in ["functions", "function_call", "audio", "prediction", "web_search_options", "verbosity"] {
            try fields.unsupported(name)
        }
        try fields.unsupported("modalities", unless: [["text"]])
        try request.readCommon(&fields)
        try fields.finish()
        return request
    }

    /// Reads a body of `/v1/completions`.
    /// - Throws: ``APIError`` naming the field, what was given and what is allowed.
    package static func completion(_ body: JSONNode) throws(APIError) -> TextRequest {
        var fields = try FieldReader(body)
        var request = TextRequest(isChat: false, model: try model(&fields), prompts: [])
        request.prompts = try prompts(fields.take("prompt") ?? "", fields)
        request.echoes = try fields.flag("echo") ?? false
        request.maximumTokens = try fields.whole("max_tokens", (request.echoes ? 0 : 1)...Int(Int32.max)) ?? 16
        request.logProbabilities = try fields.whole("logprobs", 0...20)
        let best = try fields.whole("best_of", 1...128)
        try fields.unsupported("suffix", unless: [""])
        try request.readCommon(&fields)
        if let best, best != request.choiceCount {
            throw APIError(400, "best_of is not supported except as n.", parameter: "best_of", code: "unsupported_parameter")
        }
        try fields.finish()
        return request
    }

    private static func model(_ fields: inout FieldReader) throws(APIError) -> String {
        guard let model = try fields.string("model") else {
            throw APIError(400, "model is missing: the name of a deployment.", parameter: "model", code: "missing_required_parameter")
        }
        return model
    }

    /// A text, texts, token ids, or lists of those.
    private static func prompts(_ node: JSONNode, _ fields: FieldReader) throws(APIError) -> [JSONNode] {
        func ids(_ node: JSONNode) -> JSONNode? {
            guard let elements = node.array, !elements.isEmpty, elements.allSatisfy({ $0.integer != nil }) else { return nil }
            return ["ids": node]
        }
        if node.string != nil { return [["text": node]] }
        if let one = ids(node) { return [one] }
        guard let elements = node.array, !elements.isEmpty, elements.count <= 2_048 else {
            throw fields.wrong("prompt", node, "a string, a list of strings, a list of token ids or a list of those", code: "invalid_type")
        }
        return try elements.map { element throws(APIError) in
            if element.string != nil { return ["text": element] }
            guard let one = ids(element) else {
                throw fields.wrong("prompt", element, "strings, or lists of token ids", code: "invalid_type")
            }
            return one
        }
    }

    private mutating func readCommon(_ fields: inout FieldReader) throws(APIError) {
        streams = try fields.flag("stream") ?? false
        if let options = fields.take("stream_options") {
            guard streams else {
                throw APIError(400, "stream_options needs stream: true.", parameter: "stream_options", code: "invalid_value")
            }
            var inner = try FieldReader(options, prefix: "stream_options.")
            includesUsage = try inner.flag("include_usage") ?? false
            inner.accept("include_obfuscation")
            try inner.finish()
        }
        choiceCount = try fields.whole("n", 1...128) ?? 1
        func add(_ name: String, _ value: Double?) { if let value { sampling.append(JSONMember(name, JSONNode(value))) } }
        add("temperature", try fields.number("temperature", 0...2))
        add("top_p", try fields.number("top_p", 0...1))
        add("min_p", try fields.number("min_p", 0...1))
        if let topK = try fields.whole("top_k", -1...Int(Int32.max)) { sampling.append(JSONMember("top_k", JSONNode(max(0, topK)))) }
        lookup = try fields.whole("prompt_lookup_num_tokens", 0...8) ?? 0
        add("repetition_penalty", try fields.number("repetition_penalty", 0.01...10))
        add("frequency_penalty", try fields.number("frequency_penalty", -2...2))
        add("presence_penalty", try fields.number("presence_penalty", -2...2))
        if let given = fields.take("seed") {
            guard let number = given.integer else { throw fields.wrong("seed", given, "a whole number of 64 bits") }
            seed = number
        }
        try readStops(&fields)
        try readBias(&fields)
        try fields.unsupported("store", unless: [false])
        try fields.unsupported("service_tier", unless: ["auto", "default"])
        fields.accept("user", "safety_identifier", "prompt_cache_key", "metadata", "prompt_cache_retention")
    }

    private mutating func readStops(_ fields: inout FieldReader) throws(APIError) {
        guard let given = fields.take("stop") else { return }
        let texts = given.array ?? [given]
        stops = texts.compactMap(\.string)
        guard stops.count == texts.count, stops.count <= 16, stops.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 1 << 16 }) else {
            throw fields.wrong("stop", given, "a string or at most 16 of them, none empty")
        }
    }

    private mutating func readBias(_ fields: inout FieldReader) throws(APIError) {
        guard let given = fields.take("logit_bias") else { return }
        guard let members = given.object, members.count <= 300_000 else {
            throw fields.wrong("logit_bias", given, "an object of token ids", code: "invalid_type")
        }
        for member in members {
            guard let id = Int32(member.key), id >= 0, let bias = member.node.double, (-100...100).contains(bias) else {
                throw APIError(
                    400,
                    "logit_bias has \(APIError.shown(JSONNode(member.key))): \(APIError.shown(member.node)), but must have a number "
                        + "from -100 to 100 for each token id.", parameter: "logit_bias", code: "invalid_value")
            }
        }
        sampling.append(JSONMember("logit_bias", given))
    }
}
