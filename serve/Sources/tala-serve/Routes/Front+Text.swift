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
        let scope = "\(deployment.name)/\(call.asker.name)"
        let asked = request.prompts.indices.map { prompt in
            link.ask { request.engineMessage(id: $0, prompt: prompt, adapter: deployment.adapter, scope: scope, seed: seed) }
        }
        let answers = Answers(link: link, ids: asked.map(\.id), streams: asked.map(\.answers))
        guard request.streams else { return allowance.marked(try await whole(builder, answers, form, guarding, allowance, call)) }
        // What is refused is refused with a status, before the stream begins.
        var merged = answers.merged.makeAsyncIterator()
        guard let first = await merged.next() else { throw Self.restarting }
        if first.message["type"]?.string == "error" {
            answers.cancel()
            throw AnswerBuilder.error(first.message, isChat: isChat)
        }
        return allowance.marked(stream(builder, first, answers, form, guarding, allowance, call))
    }

    /// The answers of an engine to all prompts of a request.
    struct Answers: Sendable {
        struct Item: Sendable {
            var prompt: Int
            var message: JSONNode
        }
        /// Stands for a prompt's number where nothing is said of any.
        static let ping = -1
        let link: EngineLink
        let ids: [Int]
        let merged: AsyncStream<Item>

        init(link: EngineLink, ids: [Int], streams: [AsyncStream<JSONNode>]) {
            (self.link, self.ids) = (link, ids)
            let (merged, continuation) = AsyncStream<Item>.makeStream()
            self.merged = merged
            let task = Task {
                await withTaskGroup(of: Void.self) { group in
                    for (prompt, stream) in streams.enumerated() {
                        group.addTask { for await message in stream { continuation.yield(Item(prompt: prompt, message: message)) } }
                    }
                }
                continuation.finish()
            }
            // Proxies close what is silent for long: a prompt may take its time.
            let pinging = Task {
                while (try? await Task.sleep(for: .seconds(15))) != nil { continuation.yield(Item(prompt: Self.ping, message: nil)) }
            }
            continuation.onTermination = { _ in
                task.cancel()
                pinging.cancel()
            }
        }

        func cancel() { for id in ids { link.cancel(id) } }
    }

    private func whole(
        _ builder: AnswerBuilder, _ answers: Answers, _ form: some AnswerForm, _ guarding: Guarding?, _ allowance: Allowance, _ call: Call
    ) async throws -> Response {
        let result: AnswerBuilder = try await withTaskCancellationHandler {
            try await call.rest.consumeWithInboundCloseHandler { _ in
                var builder = builder
                for await item in answers.merged where item.prompt != Answers.ping {
                    do { _ = try builder.take(item.message, prompt: item.prompt) } catch {
                        answers.cancel()
                        throw error
                    }
                }
                return builder
            } onInboundClosed: {
                answers.cancel()
            }
        } onCancel: {
            answers.cancel()
        }
        await count(allowance, prompt: result.promptTokens, answer: result.completionTokens)
        guard result.isDone else { throw CancellationError() }
        return Self.json(form.whole(try await guarding?.whole(result.answer) ?? result.answer))
    }

    private func stream(
        _ builder: AnswerBuilder, _ first: Answers.Item, _ answers: Answers, _ form: some AnswerForm, _ guarding: Guarding?,
        _ allowance: Allowance, _ call: Call
    ) -> Response {
        let body = ResponseBody { writer in
            do {
                let result = try await call.rest.consumeWithInboundCloseHandler { _ in
                    var (builder, form) = (builder, form)
                    var filtered = guarding?.answer
                    func event(_ chunk: JSONNode) -> ByteBuffer { ByteBuffer(string: form.text(of: chunk)) }
                    /// What of the chunks may go out.
                    func passed(_ chunks: [JSONNode]) async throws -> [JSONNode] {
                        guard filtered != nil else { return chunks }
                        var out: [JSONNode] = []
                        for chunk in chunks { out += try await filtered?.take(chunk) ?? [] }
                        return out
                    }
                    if let guarding { try await writer.write(event(guarding.firstChunk)) }
                    for chunk in try await passed(builder.take(first.message, prompt: first.prompt)) {
                        try await writer.write(event(chunk))
                    }
                    for await item in answers.merged {
                        if item.prompt == Answers.ping {
                            try await writer.write(ByteBuffer(string: ": ping\n\n"))
                            continue
                        }
                        do {
                            for chunk in try await passed(builder.take(item.message, prompt: item.prompt)) {
                                try await writer.write(event(chunk))
                            }
                            // Nothing more of it goes out: nothing more is computed.
                            if filtered?.cutCount == builder.choiceCount, !builder.tellsUsage {
                                answers.cancel()
                                try await writer.write(ByteBuffer(string: form.ending))
                                return builder
                            }
                        } catch let error as APIError {
                            answers.cancel()
                            try await writer.write(ByteBuffer(string: form.text(of: error)))
                            return builder
                        }
                    }
                    if builder.isDone { try await writer.write(ByteBuffer(string: form.ending)) }
                    return builder
                } onInboundClosed: {
                    answers.cancel()
                }
                await count(allowance, prompt: result.promptTokens, answer: result.completionTokens)
            } catch {
                answers.cancel()
                throw error
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "close"], body: body)
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
