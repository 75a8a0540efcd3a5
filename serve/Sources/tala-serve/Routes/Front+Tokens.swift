import Hummingbird
import JSON
import ServingAPI

/// What a deployment's tokenizer and template make of texts.
extension Front {
    /// `POST /tokenize`: a text, or messages as the template renders them.
    func tokenize(_ call: Call) async throws -> Response {
        let request = try TokenRequest.tokenize(try await call.json())
        let answer = try await ask(call, request.model) { ["type": "tokenize", "id": JSONNode($0), "prompt": request.prompt] }
        let (ids, texts) = (answer["ids"]?.array ?? [], answer["texts"]?.array ?? [])
        let tokens: [JSONNode] = zip(ids, texts).map { request.withPieces ? ["id": $0, "piece": $1] : $0 }
        return Self.json([
            "tokens": JSONNode(tokens), "count": JSONNode(tokens.count), "max_model_len": answer["context_length"] ?? .null,
            "token_strs": JSONNode(texts),
        ])
    }

    /// `POST /detokenize`.
    func detokenize(_ call: Call) async throws -> Response {
        let request = try TokenRequest.detokenize(try await call.json())
        let answer = try await ask(call, request.model) { ["type": "detokenize", "id": JSONNode($0), "ids": request.prompt] }
        let text = answer["text"] ?? ""
        return Self.json(["content": text, "prompt": text])
    }

    /// `POST /apply-template`: the text that the model is asked with.
    func applyTemplate(_ call: Call) async throws -> Response {
        let request = try TextRequest.chat(try await call.json())
        let answer = try await ask(call, request.model) { ["type": "render", "id": JSONNode($0), "prompt": request.prompts[0]] }
        return Self.json(["prompt": answer["text"] ?? ""])
    }

    /// `POST /v1/chat/completions/input_tokens`: how long the prompt of a request would be.
    func inputTokens(_ call: Call) async throws -> Response {
        let request = try TextRequest.chat(try await call.json())
        let answer = try await ask(call, request.model) { ["type": "tokenize", "id": JSONNode($0), "prompt": request.prompts[0]] }
        return Self.json(["object": "chat.completion.input_tokens", "input_tokens": JSONNode(answer["ids"]?.array?.count ?? 0)])
    }

    /// `GET /tokenizer_info`, as lm-evaluation-harness asks for it: of the deployment that the
    /// query names, or of the only one.
    func tokenizerInfo(_ call: Call) async throws -> Response {
        let answer = try await ask(call, call.query("model")) { ["type": "tokenizer", "id": JSONNode($0)] }
        return Self.json(JSONNode((answer.object ?? []).filter { $0.key != "type" && $0.key != "id" }))
    }

    /// The deployment that is meant where none is named: the only one.
    private func named(_ name: String?, _ call: Call) async throws -> String {
        if let name { return name }
        let all = await deployments.all.filter { call.asker.mayUse($0.name) }
        guard all.count == 1 else {
            throw APIError(
                400, "model is missing, and there are \(all.count) deployments: name one.", parameter: "model",
                code: "missing_required_parameter")
        }
        return all[0].name
    }

    /// One answer of a deployment's engine to one question.
    /// - Parameter name: the deployment's; nil: the only one.
    /// - Throws: ``APIError``.
    func ask(_ call: Call, _ name: String?, _ message: (Int) -> JSONNode) async throws -> JSONNode {
        let (deployment, host) = try await ready(try await named(name, call), call)
        func whole(_ id: Int) -> JSONNode { JSONNode((message(id).object ?? []) + deployment.terms.members) }
        guard let answer = await host.link?.result({ whole($0) }) else { throw Self.restarting }
        guard answer["type"]?.string == "result" else { throw AnswerBuilder.error(answer, isChat: false) }
        return answer
    }
}
