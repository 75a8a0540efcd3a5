package import JSON

/// Puts what engines say of a request together, into one answer or into the chunks of a stream.
///
/// An engine is asked once for each prompt; the choices of prompt `p` of `n` have the numbers `p *
/// n` and following.
package struct AnswerBuilder: Sendable {
    private struct Choice {
        var text = ""
        /// Characters of the text that chunks have told.
        var length = 0
        var finish: String?
        /// Entries of tokens, as an engine names them.
        var tokens: [JSONNode] = []
        var hasBegun = false
        var calls: AnswerCalls
    }
    private let request: TextRequest
    private let id: String
    private let created: Int
    private let fingerprint: String
    /// With which this answer comes again.
    private let seed: Int
    private var choices: [Choice]
    private var prompts: [(first: JSONNode, tokens: [JSONNode])?]
    /// Characters of a prompt that is echoed, once they have been counted.
    private var echoLengths: [Int?]
    private var usage = (prompt: 0, cached: 0, answer: 0, guessed: 0, accepted: 0)
    /// What is known before a request is done, of those that never are.
    private var seen = (prompt: 0, answer: 0)
    private var remaining: Int

    package init(_ request: TextRequest, id: String, created: Int, fingerprint: String, seed: Int) {
        (self.request, self.id, self.created, self.fingerprint, self.seed) = (request, id, created, fingerprint, seed)
        choices = (0..<request.prompts.count * request.choiceCount).map { Choice(calls: AnswerCalls(source: "\(id)/\($0)")) }
        prompts = Array(repeating: nil, count: request.prompts.count)
        echoLengths = Array(repeating: nil, count: request.prompts.count)
        remaining = request.prompts.count
    }

    package var isDone: Bool { remaining == 0 }
    package var isChat: Bool { request.isChat }
    /// Answers of all prompts.
    package var choiceCount: Int { choices.count }
    /// Whether the stream ends with what it has used.
    package var tellsUsage: Bool { request.includesUsage }
    /// Tokens that have been computed, also of answers that have not come to their end.
    package var completionTokens: Int { max(usage.answer, seen.answer) }
    package var promptTokens: Int { max(usage.prompt, seen.prompt) }

    /// Takes a message of an engine about one of the prompts.
    /// - Returns: the chunks of a stream that follow from it.
    /// - Throws: ``APIError`` where the message is an error.
    package mutating func take(_ message: JSONNode, prompt: Int) throws(APIError) -> [JSONNode] {
        guard prompts.indices.contains(prompt) else { return [] }
        let index = prompt * request.choiceCount + (message["choice"]?.integer ?? 0)
        guard choices.indices.contains(index) else { return [] }
        switch message["type"]?.string {
        case "error": throw Self.error(message, isChat: request.isChat)
        case "taken":
            seen.prompt += message["prompt_tokens"]?.integer ?? 0
            return []
        case "prompt":
            // A long one comes in several messages.
            let known = prompts[prompt] ?? (message["first"] ?? .null, [])
            prompts[prompt] = (known.first, known.tokens + (message["tokens"]?.array ?? []))
            return []
        case "token":
            seen.answer += 1
            let text = message["text"]?.string ?? ""
            let tokens = message["logprobs"].map { [$0] } ?? []
            choices[index].text += text
            choices[index].tokens += tokens
            let calls = choices[index].calls.take(message["calls"]?.array ?? [])
            guard request.streams else { return [] }
            let said = text.isEmpty && (tokens.isEmpty || !calls.isEmpty) ? [] : [chunk(index, text, tokens, nil)]
            return begin(index) + said + (calls.isEmpty ? [] : [chunk(index, calls, said.isEmpty ? tokens : [])])
        case "finished":
            let text = message["text"]?.string ?? ""
            choices[index].text += text
            choices[index].finish = message["reason"]?.string ?? "stop"
            guard choices[index].finish != "too_costly" else {
                let field = request.answer?["schema"] == nil ? "tools" : "response_format"
                throw APIError(
                    400, "The schema of \(field) takes too long to be kept to: make it smaller.", parameter: field,
                    code: "schema_too_costly")
            }
            guard choices[index].finish != "stuck" else {
                throw APIError(500, "No token of the model's vocabulary fits what the answer must be.", code: "constraint_not_satisfiable")
            }
            guard request.streams else { return [] }
            return begin(index) + (text.isEmpty ? [] : [chunk(index, text, [], nil)]) + [chunk(index, "", [], choices[index].finish)]
        case "done":
            usage.prompt += message["prompt_tokens"]?.integer ?? 0
            usage.cached += message["cached_tokens"]?.integer ?? 0
            usage.answer += message["completion_tokens"]?.integer ?? 0
            usage.guessed += message["guessed_tokens"]?.integer ?? 0
            usage.accepted += message["accepted_tokens"]?.integer ?? 0
            remaining -= 1
            return request.streams && request.includesUsage && remaining == 0 ? [envelope([], usageNode)] : []
        default: return []
        }
    }

    /// The whole answer, without a stream.
    package var answer: JSONNode { envelope(choices.indices.map(whole), usageNode, isWhole: true) }

    // MARK: Choices

    /// The first chunk of a choice: whose words these are; a prompt that is echoed.
    private mutating func begin(_ index: Int) -> [JSONNode] {
        guard !choices[index].hasBegun else { return [] }
        choices[index].hasBegun = true
        if request.isChat {
            return [
                envelope([
                    [
                        "index": JSONNode(index), "delta": ["role": "assistant", "content": ""], "logprobs": nil, "finish_reason": nil,
                    ]
                ])
            ]
        }
        guard request.echoes, let (text, tokens, _) = echoed(index) else { return [] }
        return [envelope([choice(index, text, tokens, nil, offset: 0)])]
    }

    private mutating func chunk(_ index: Int, _ text: String, _ tokens: [JSONNode], _ finish: String?) -> JSONNode {
        let reason: JSONNode = finish.map { JSONNode($0) } ?? .null
        guard request.isChat else { return envelope([choice(index, text, tokens, finish, offset: offset(index, before: text))]) }
        let delta: JSONNode = finish == nil ? ["content": JSONNode(text)] : [:]
        return envelope([
            [
                "index": JSONNode(index), "delta": delta, "logprobs": tokens.isEmpty ? .null : chatProbabilities(tokens),
                "finish_reason": reason,
            ]
        ])
    }

    /// A chunk about calls; probabilities of tokens stand there where no chunk with text has them.
    private func chunk(_ index: Int, _ calls: [JSONNode], _ tokens: [JSONNode]) -> JSONNode {
        envelope([
            [
                "index": JSONNode(index), "delta": ["tool_calls": JSONNode(calls)],
                "logprobs": tokens.isEmpty ? .null : chatProbabilities(tokens), "finish_reason": nil,
            ]
        ])
    }

    private func message(_ own: Choice) -> JSONNode {
        let isSilent = !own.calls.isEmpty && own.text.allSatisfy(\.isWhitespace)
        var members: [JSONMember] = [
            JSONMember("role", "assistant"), JSONMember("content", isSilent ? .null : JSONNode(own.text)), JSONMember("refusal", nil),
        ]
        if !own.calls.isEmpty { members.append(JSONMember("tool_calls", JSONNode(own.calls.nodes))) }
        return JSONNode(members)
    }

    private func whole(_ index: Int) -> JSONNode {
        let own = choices[index]
        if request.isChat {
            return [
                "index": JSONNode(index), "message": message(own),
                "logprobs": request.logProbabilities == nil ? .null : chatProbabilities(own.tokens),
                "finish_reason": JSONNode(own.finish ?? "stop"),
            ]
        }
        guard request.echoes, let (text, tokens, _) = echoed(index) else {
            return choice(index, own.text, own.tokens, own.finish ?? "stop", offset: 0)
        }
        return choice(index, text + own.text, tokens + own.tokens, own.finish ?? "stop", offset: 0)
    }

    private func choice(_ index: Int, _ text: String, _ tokens: [JSONNode], _ finish: String?, offset: Int) -> JSONNode {
        [
            "index": JSONNode(index), "text": JSONNode(text),
            "logprobs": request.logProbabilities == nil || (request.streams && tokens.isEmpty)
                ? .null : LegacyProbabilities.node(tokens, offset: offset), "finish_reason": finish.map { JSONNode($0) } ?? .null,
        ]
    }

    /// Characters of the choice before this text.
    private mutating func offset(_ index: Int, before text: String) -> Int {
        let prompt = index / request.choiceCount
        let echo = echoLengths[prompt] ?? echoed(index)?.text.unicodeScalars.count ?? 0
        echoLengths[prompt] = echo
        choices[index].length += text.unicodeScalars.count
        return echo + choices[index].length - text.unicodeScalars.count
    }

    /// The prompt of a choice, as text and tokens; the first token has no probability.
    private func echoed(_ index: Int) -> (text: String, tokens: [JSONNode], prompt: Int)? {
        guard request.echoes else { return nil }
        let prompt = index / request.choiceCount
        guard let (first, tokens) = prompts[prompt] else { return (request.prompts[prompt]["text"]?.string ?? "", [], prompt) }
        let entries = [LegacyProbabilities.withoutProbability(first)] + tokens
        let bytes = entries.flatMap { ($0["bytes"]?.array ?? []).compactMap { $0.integer.flatMap { UInt8(exactly: $0) } } }
        return (request.prompts[prompt]["text"]?.string ?? String(decoding: bytes, as: UTF8.self), entries, prompt)
    }

    private func chatProbabilities(_ tokens: [JSONNode]) -> JSONNode {
        func entry(_ token: JSONNode) -> [JSONMember] {
            ["token", "logprob", "bytes"].map { JSONMember($0, token[$0] ?? .null) }
        }
        return [
            "content": JSONNode(
                tokens.map { token in
                    JSONNode(
                        entry(token) + [JSONMember("top_logprobs", JSONNode((token["top"]?.array ?? []).map { JSONNode(entry($0)) }))])
                }), "refusal": nil,
        ]
    }

    // MARK: What is around them

    private var usageNode: JSONNode {
        [
            "prompt_tokens": JSONNode(usage.prompt), "completion_tokens": JSONNode(usage.answer),
            "total_tokens": JSONNode(usage.prompt + usage.answer), "prompt_tokens_details": ["cached_tokens": JSONNode(usage.cached)],
            "completion_tokens_details": [
                "reasoning_tokens": 0, "accepted_prediction_tokens": JSONNode(usage.accepted),
                "rejected_prediction_tokens": JSONNode(usage.guessed - usage.accepted),
            ],
        ]
    }

    /// What is ours: how to get the answer again, and what of the tools' schemas is not enforced.
    private var tala: JSONNode {
        var members = [JSONMember("seed", JSONNode(seed))]
        if !request.notEnforced.isEmpty {
            members.append(JSONMember("not_enforced", JSONNode(request.notEnforced.map { JSONNode($0) })))
        }
        return JSONNode(members)
    }

    private func envelope(_ choices: [JSONNode], _ usage: JSONNode? = nil, isWhole: Bool = false) -> JSONNode {
        let object = request.isChat ? (isWhole ? "chat.completion" : "chat.completion.chunk") : "text_completion"
        var members: [JSONMember] = [
            JSONMember("id", JSONNode(id)), JSONMember("object", JSONNode(object)), JSONMember("created", JSONNode(created)),
            JSONMember("model", JSONNode(request.model)), JSONMember("system_fingerprint", JSONNode(fingerprint)),
            JSONMember("choices", JSONNode(choices)),
        ]
        if let usage {
            members.append(JSONMember("usage", usage))
        } else if request.includesUsage {
            members.append(JSONMember("usage", nil))
        }
        if isWhole { members.append(JSONMember("tala", tala)) }
        return JSONNode(members)
    }

    /// An engine's refusal as the API's.
    package static func error(_ message: JSONNode, isChat: Bool) -> APIError {
        let code = message["code"]?.string ?? "engine_failed"
        let text = message["message"]?.string ?? "the engine has failed"
        switch code {
        case "context_length_exceeded": return APIError(400, text + ".", parameter: isChat ? "messages" : "prompt", code: code)
        case "queue_full": return APIError(429, text + ".", code: code, retryAfter: 1)
        case "request_too_large", "answer_too_large":
            return APIError(413, text + ".", parameter: message["param"]?.string, code: code)
        case "does_not_fit": return APIError(400, text + ".", code: code)
        case "model_not_found": return APIError(404, text + ".", parameter: "model", code: code)
        case "invalid_value", "invalid_prompt", "invalid_schema":
            return APIError(400, text + ".", parameter: message["param"]?.string ?? (isChat ? "messages" : "prompt"), code: code)
        default: return APIError(503, text + ".", code: "engine_restarting", retryAfter: 2)
        }
    }
}
