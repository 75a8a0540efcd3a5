import Hummingbird
import JSON
import ServingAPI

extension Front {
    /// Inputs that an engine is asked for at a time: others get their turn in between.
    private static let inputsAtATime = 16

    /// `/v1/embeddings`.
    func embeddings(_ call: Call) async throws -> Response {
        let request = try EmbeddingsRequest(try await call.json(naming: call.parameters.first))
        let (deployment, host) = try await ready(request.model, call)
        guard let link = await host.link else { throw Self.restarting }
        var guarding = try await filters.filter(of: deployment).map { Guarding($0, deployment: deployment.name, request: call.id) }
        try await guarding?.checkPrompts(request.prompts, link)
        let allowance = try allowance(deployment, call)
        var (vectors, promptTokens): ([[Float]], Int) = ([], 0)
        for start in stride(from: 0, to: request.prompts.count, by: Self.inputsAtATime) {
            try Task.checkCancellation()
            let asked = (start..<min(request.prompts.count, start + Self.inputsAtATime)).map { prompt in
                link.ask { request.engineMessage(id: $0, prompt: prompt, of: deployment.terms) }
            }
            for (_, answers) in asked {
                var first: JSONNode?
                for await answer in answers {
                    first = answer
                    break
                }
                guard let answer = first else { throw Self.restarting }
                guard answer["type"]?.string == "result", let numbers = answer["embedding"]?.array else {
                    for (id, _) in asked { link.cancel(id) }
                    throw AnswerBuilder.error(answer, isChat: false).about("input")
                }
                vectors.append(numbers.map { Float($0.double ?? 0) })
                promptTokens += answer["prompt_tokens"]?.integer ?? 0
            }
        }
        await count(allowance, prompt: promptTokens, answer: 0)
        return allowance.marked(Self.json(try request.answer(vectors, promptTokens: promptTokens)))
    }
}

extension APIError {
    /// The error about a field of the request, whichever the engine had it from.
    func about(_ field: String) -> APIError {
        var error = self
        if ["prompt", "tokens"].contains(error.parameter) { error.parameter = field }
        return error
    }
}

extension Call {
    /// The body, with the model that the path names.
    func json(naming model: String?) async throws -> JSONNode {
        let body = try await json()
        guard let model, let members = body.object else { return body }
        return JSONNode(members.filter { $0.key != "model" } + [JSONMember("model", JSONNode(model))])
    }
}
