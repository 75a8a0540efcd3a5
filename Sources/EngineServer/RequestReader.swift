import Engine
import JSON
import Tokenization

/// A request that cannot be taken, as the front passes it on.
struct RequestFault: Error {
    var code: String
    var message: String
    var parameter: String?

    init(_ code: String, _ message: String, parameter: String? = nil) {
        (self.code, self.message, self.parameter) = (code, message, parameter)
    }

    init(_ error: EngineError) {
        switch error {
        case .contextExceeded: self.init("context_length_exceeded", error.description, parameter: "messages")
        case .queueFull: self.init("queue_full", error.description)
        case .doesNotFit: self.init("does_not_fit", error.description)
        default: self.init("invalid_value", error.description)
        }
    }
}

/// Reads what the front asks of an engine. The front has checked it against the API; here nothing
/// is trusted that could do harm.
struct RequestReader {
    let served: ServedModel

    private func adapter(_ node: JSONNode) throws(RequestFault) -> Int? {
        guard let name = node["adapter"]?.string else { return nil }
        guard let place = served.places[name] else { throw RequestFault("model_not_found", "no adapter \(name) is loaded") }
        return place
    }

    func embedding(_ node: JSONNode, id: UInt64) throws(RequestFault) -> EmbeddingRequest {
        guard let pooling = EmbeddingRequest.Pooling(rawValue: node["pooling"]?.string ?? "mean") else {
            throw RequestFault("invalid_value", "pooling is mean or last", parameter: "pooling")
        }
        return EmbeddingRequest(id: id, prompt: try prompt(node["prompt"] ?? .null), pooling: pooling, adapter: try adapter(node))
    }

    func request(_ node: JSONNode, id: UInt64) throws(RequestFault) -> GenerationRequest {
        let adapter = try adapter(node)
        var request = GenerationRequest(id: id, prompt: try prompt(node["prompt"] ?? .null))
        request.adapter = adapter
        request.endIDs = served.ends(adapter)
        request.maximumTokens = try whole(node, "max_tokens", 0...Int(Int32.max))
        request.choiceCount = try whole(node, "n", 1...128) ?? 1
        request.topLogProbabilities = try whole(node, "logprobs", 0...20)
        request.scoresPrompt = node["echo"]?.bool ?? false
        request.scope = String((node["scope"]?.string ?? "").prefix(200))
        request.stops = try (node["stop"]?.array ?? []).prefix(16).map { stop throws(RequestFault) in
            guard let text = stop.string, text.utf8.count <= 1 << 16 else { throw RequestFault("invalid_value", "stop is not a text") }
            return text
        }
        request.sampling = try sampling(node["sampling"] ?? JSONNode([JSONMember]()))
        return request
    }

    private func sampling(_ node: JSONNode) throws(RequestFault) -> SamplingSettings {
        var settings = SamplingSettings()
        settings.temperature = try number(node, "temperature", 0...2) ?? 1
        settings.topP = try number(node, "top_p", 0...1) ?? 1
        settings.minP = try number(node, "min_p", 0...1) ?? 0
        settings.topK = try whole(node, "top_k", 0...Int(Int32.max)) ?? 0
        settings.repetitionPenalty = try number(node, "repetition_penalty", 0.01...10) ?? 1
        settings.frequencyPenalty = try number(node, "frequency_penalty", -2...2) ?? 0
        settings.presencePenalty = try number(node, "presence_penalty", -2...2) ?? 0
        if let seed = node["seed"]?.integer { settings.seed = UInt64(bitPattern: Int64(seed)) }
        for member in node["logit_bias"]?.object ?? [] {
            guard let token = Int32(member.key), let bias = member.node.double, abs(bias) <= 100 else {
                throw RequestFault("invalid_value", "logit_bias is not a number from -100 to 100 for a token id", parameter: "logit_bias")
            }
            settings.logitBias[token] = Float(bias)
        }
        return settings
    }

    /// Token ids as given, a text's, or those of a conversation in the model's template.
    func prompt(_ node: JSONNode) throws(RequestFault) -> [Int32] {
        if let ids = node["ids"]?.array {
            return try ids.map { id throws(RequestFault) in
                guard let id = id.integer.flatMap({ Int32(exactly: $0) }) else { throw RequestFault("invalid_value", "a token id is none") }
                return id
            }
        }
        if let text = node["text"]?.string {
            return served.encoder.tokenizer.encode(text, addSpecialTokens: node["add_special_tokens"]?.bool ?? true)
        }
        let conversation = try conversation(node)
        do throws(ChatError) { return try served.encoder.promptTokens(of: conversation) } catch { throw Self.refused(error) }
    }

    /// The text that the model is asked with.
    func rendered(_ node: JSONNode) throws(RequestFault) -> String {
        let conversation = try conversation(node)
        do throws(ChatError) { return try served.encoder.render(conversation, addGenerationPrompt: true) } catch {
            throw Self.refused(error)
        }
    }

    private static func refused(_ error: ChatError) -> RequestFault {
        RequestFault("invalid_prompt", "the model's chat template refuses the messages: \(error)", parameter: "messages")
    }

    private func conversation(_ node: JSONNode) throws(RequestFault) -> Conversation {
        guard let messages = node["messages"] else { throw RequestFault("invalid_value", "there is no prompt") }
        var conversation = conversation(messages, tools: node["tools"])
        conversation.variables = node["variables"]
        return conversation
    }

    /// Messages as the model's template is to be given them.
    private func conversation(_ messages: JSONNode, tools: JSONNode?) -> Conversation {
        let isPlain =
            tools == nil
            && messages.array?.allSatisfy { $0["tool_calls"] == nil && !["tool", "developer"].contains($0["role"]?.string ?? "") } ?? true
        return isPlain ? Conversation(messages: messages) : served.maker.tools.conversation(messages, tools: tools)
    }

    private func whole(_ node: JSONNode, _ key: String, _ range: ClosedRange<Int>) throws(RequestFault) -> Int? {
        guard let value = node[key], !value.isNull else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw RequestFault(
                "invalid_value", "\(key) is not a whole number from \(range.lowerBound) to \(range.upperBound)", parameter: key)
        }
        return number
    }

    private func number(_ node: JSONNode, _ key: String, _ range: ClosedRange<Double>) throws(RequestFault) -> Double? {
        guard let value = node[key], !value.isNull else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw RequestFault("invalid_value", "\(key) is not a number from \(range.lowerBound) to \(range.upperBound)", parameter: key)
        }
        return number
    }
}
