import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import ServingAPI

extension Front {
    /// `/v1/chat/completions` and `/v1/completions`.
    func text(_ call: Call, isChat: Bool) async throws -> Response {
        var body = try await call.json()
        // Azure names the deployment in the path.
        if let name = call.parameters.first, let members = body.object {
            body = JSONNode(members.filter { $0.key != "model" } + [JSONMember("model", JSONNode(name))])
        }
        return try await text(call, isChat ? try TextRequest.chat(body) : try TextRequest.completion(body), PlainForm())
    }

    /// Answers a request for text in a form.
    func text(_ call: Call, _ asked: TextRequest, _ form: some AnswerForm) async throws -> Response {
        var request = asked
        let isChat = request.isChat
        let (deployment, host) = try await ready(request.model, call)
        try Self.apply(deployment.settings["defaults"] ?? [:], to: &request)
        let allowance = try allowance(deployment, call)
        guard let link = await host.link else { throw Self.restarting }
        var guarding = try await filters.filter(of: deployment).map { Guarding($0, deployment: deployment.name, request: call.id) }
        try await guarding?.checkPrompts(request.prompts, link)
        let seed = request.seed ?? Int.random(in: 0...Int(Int32.max))
        let builder = AnswerBuilder(
            request, id: (isChat ? "chatcmpl-" : "cmpl-") + Identifier.ulid(), created: Int(Date().timeIntervalSince1970),
            fingerprint: fingerprint(deployment), seed: seed)
        // What was asked before there were keys is nobody's.
        let scope = "\(deployment.name)/\(call.asker.owner ?? "")"
        let (count, terms, asked) = (request.choiceCount, deployment.terms, request)
        let answers = Answers(
            link: link, prompts: request.prompts.count, atATime: Self.promptsAtATime(count, queue: terms.queue)
        ) { prompt, id in asked.engineMessage(id: id, prompt: prompt, of: terms, scope: scope, seed: seed) }
        // Whoever leaves takes the request along, wherever it is: waiting, in its prompt, in its
        // answer.
        let watch = Watch(call.rest) { answers.cancel() }
        do {
            guard request.streams else {
                let response = try await whole(builder, answers, form, guarding, allowance)
                await watch.finish()
                return allowance.marked(response)
            }
            return allowance.marked(try await stream(builder, answers, form, guarding, allowance, watch))
        } catch {
            answers.cancel()
            await watch.finish()
            throw error
        }
    }

    /// Prompts of one request that are in hand together: others get their turn in between, and the
    /// request does not fill the queue by itself.
    private static func promptsAtATime(_ choices: Int, queue: Int) -> Int { max(1, min(16, queue) / max(1, choices)) }

    private func whole(
        _ builder: AnswerBuilder, _ answers: Answers, _ form: some AnswerForm, _ guarding: Guarding?, _ allowance: Allowance
    ) async throws -> Response {
        var builder = builder
        var failure: APIError?
        await withTaskCancellationHandler {
            for await item in answers.merged where item.prompt != Answers.ping {
                do throws(APIError) { _ = try builder.take(item.message, prompt: item.prompt) } catch {
                    failure = error
                    break
                }
            }
        } onCancel: {
            answers.cancel()
        }
        await count(allowance, prompt: builder.promptTokens, answer: builder.completionTokens)
        if let failure { throw failure }
        guard builder.isDone else { throw CancellationError() }
        return Self.json(form.whole(try await guarding?.whole(builder.answer) ?? builder.answer))
    }

    private func stream(
        _ builder: AnswerBuilder, _ answers: Answers, _ form: some AnswerForm, _ guarding: Guarding?, _ allowance: Allowance,
        _ watch: Watch
    ) async throws -> Response {
        // What is refused is refused with a status, before the stream begins; a prompt that takes
        // its time begins it all the same.
        var builder = builder
        var first: Answers.Item?
        for await item in answers.merged {
            first = item
            guard item.message["type"]?.string == "taken" else { break }
            _ = try builder.take(item.message, prompt: item.prompt)
            first = nil
        }
        guard let first else {
            await count(allowance, prompt: builder.promptTokens, answer: 0)
            throw CancellationError()
        }
        if first.message["type"]?.string == "error" { throw AnswerBuilder.error(first.message, isChat: builder.isChat) }
        let begun = builder
        let body = ResponseBody { writer in
            var builder = begun
            do {
                try await write(first, answers, &builder, form, guarding) { try await writer.write(ByteBuffer(string: $0)) }
            } catch {
                answers.cancel()
                await count(allowance, prompt: builder.promptTokens, answer: builder.completionTokens)
                await watch.finish()
                throw error
            }
            answers.cancel()
            await count(allowance, prompt: builder.promptTokens, answer: builder.completionTokens)
            await watch.finish()
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "close"], body: body)
    }

    /// Writes a stream to its end; an error in it is its last event.
    private func write(
        _ first: Answers.Item, _ answers: Answers, _ builder: inout AnswerBuilder, _ form: some AnswerForm, _ guarding: Guarding?,
        to write: (String) async throws -> Void
    ) async throws {
        var (form, filtered) = (form, guarding?.answer)
        if let guarding { try await write(form.text(of: guarding.firstChunk)) }
        var next: Answers.Item? = first
        var items = answers.merged.makeAsyncIterator()
        while let item = next {
            if item.prompt == Answers.ping {
                try await write(": ping\n\n")
            } else {
                do {
                    for chunk in try builder.take(item.message, prompt: item.prompt) {
                        for passed in try await filtered?.take(chunk) ?? [chunk] { try await write(form.text(of: passed)) }
                    }
                } catch let error as APIError {
                    return try await write(form.text(of: error))
                }
                // Nothing more of it goes out: nothing more is computed.
                if let filtered, filtered.cutCount == builder.choiceCount, !builder.tellsUsage { return try await write(form.ending) }
            }
            next = await items.next()
        }
        if builder.isDone { try await write(form.ending) }
    }

    static let restarting = APIError(503, "The engine is starting again.", code: "engine_restarting", retryAfter: 2)

    /// A deployment that answers.
    func ready(_ name: String, _ call: Call) async throws -> (Deployments.Served, EngineHost) {
        // What a key is not for does not exist for it.
        guard call.asker.mayUse(name) else { throw APIError.modelNotFound(name) }
        guard let deployment = await deployments.awake(name) else { throw APIError.modelNotFound(name) }
        switch deployment.state {
        case "ready":
            guard let host = deployment.host else { throw Self.restarting }
            return (deployment, host)
        case "paused": throw APIError(503, "The deployment \(name) is paused.", parameter: "model", code: "model_paused", retryAfter: 60)
        case "failed":
            throw APIError(
                503, "The deployment \(name) has failed: \(deployment.error ?? "unknown").", parameter: "model", code: "model_failed",
                retryAfter: 60)
        default: throw APIError(503, "The deployment \(name) is loading.", parameter: "model", code: "model_loading", retryAfter: 2)
        }
    }

    /// What is in force where the request is silent.
    private static func apply(_ defaults: JSONNode, to request: inout TextRequest) throws(APIError) {
        for name in ["temperature", "top_p"] where !request.sampling.contains(where: { $0.key == name }) {
            if let value = defaults[name] { request.sampling.append(JSONMember(name, value)) }
        }
        if request.isChat, request.maximumTokens == nil { request.maximumTokens = defaults["max_tokens"]?.integer }
        guard request.isChat, let system = defaults["system"], let members = request.prompts.first?.object,
            let messages = request.prompts[0]["messages"]?.array, !["system", "developer"].contains(messages.first?["role"]?.string ?? "")
        else { return }
        let all = [["role": "system", "content": system]] + messages
        request.prompts = [JSONNode(members.map { $0.key == "messages" ? JSONMember("messages", JSONNode(all)) : $0 })]
    }

    /// Names base, adapter and form of the weights: the same fingerprint and seed give the same
    /// bytes.
    private func fingerprint(_ deployment: Deployments.Served) -> String {
        let text = JSONWriter().string(deployment.place) + JSONWriter().string(deployment.settings["base_weights"] ?? "")
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return "fp_" + String(hash, radix: 16)
    }
}
