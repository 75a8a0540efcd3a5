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
///
/// It needs nothing of the engine but its tokenizer and template, so that what is large is read
/// beside the engine's loop.
struct RequestReader: Sendable {
    let prompts: PromptReader

    func embedding(_ node: JSONNode) throws(RequestFault) -> EmbeddingRequest {
        guard let pooling = EmbeddingRequest.Pooling(rawValue: node["pooling"]?.string ?? "mean") else {
            throw RequestFault("invalid_value", "pooling is mean or last", parameter: "pooling")
        }
        return EmbeddingRequest(id: 0, prompt: try prompts.prompt(node["prompt"] ?? .null), pooling: pooling)
    }

    func request(_ node: JSONNode) throws(RequestFault) -> GenerationRequest {
        var request = GenerationRequest(id: 0, prompt: try prompts.prompt(node["prompt"] ?? .null))
        request.maximumTokens = try whole(node, "max_tokens", 0...Int(Int32.max))
        request.choiceCount = try whole(node, "n", 1...128) ?? 1
        request.topLogProbabilities = try whole(node, "logprobs", 0...20)
        request.scoresPrompt = node["echo"]?.bool ?? false
        request.lookup = try whole(node, "lookup", 0...8) ?? 0
        request.scope = String((node["scope"]?.string ?? "").prefix(200))
        request.stops = try (node["stop"]?.array ?? []).prefix(16).map { stop throws(RequestFault) in
            guard let text = stop.string, text.utf8.count <= 1 << 16 else { throw RequestFault("invalid_value", "stop is not a text") }
            return text
        }
        request.sampling = try sampling(node["sampling"] ?? JSONNode([JSONMember]()))
        return request
    }

    /// What holds for all requests of the deployment that is asked.
    private func terms(_ node: JSONNode) throws(RequestFault) -> RequestTerms {
        RequestTerms(
            deployment: String((node["deployment"]?.string ?? "").prefix(200)),
            contextLength: try whole(node, "context_length", 1...Int(Int32.max)), queueLimit: try whole(node, "queue", 1...65_536))
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
        var biases: [Int32: Float] = [:]
        for member in node["logit_bias"]?.object ?? [] {
            guard let token = Int32(member.key), let bias = member.node.double, abs(bias) <= 100 else {
                throw RequestFault("invalid_value", "logit_bias is not a number from -100 to 100 for a token id", parameter: "logit_bias")
            }
            biases[token] = Float(bias)
        }
        settings.logitBias = biases
        return settings
    }

    /// - Parameter contextLength: the engine's, which a deployment's terms may only lower.
    func draft(_ message: JSONNode, contextLength: Int) throws(RequestFault) -> Draft {
        let terms = try terms(message["terms"] ?? .null)
        let content: Draft.Content
        switch message["type"]?.string {
        case "generate":
            var request = try request(message)
            request.terms = terms
            content = .text(request, try ConstraintOrder(message["answer"]))
        case "embed":
            var request = try embedding(message)
            request.terms = terms
            content = .vector(request)
        case "tokenize", "detokenize", "render", "tokenizer":
            content = .answer(try prompts.tokens(message, contextLength: min(contextLength, terms.contextLength ?? contextLength)))
        default: content = .engine
        }
        return Draft(content: content, adapter: message["adapter"]?.string)
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
