import Foundation
import JSON
import ServingAPI
import Storage

/// Computes again what a job has recorded of its result (`replay.json`), on the engine that is to
/// answer with it: the losses of a few examples, and the tokens of their conversations.
///
/// A model that was good in training and is bad where it is served has other weights there, another
/// template or another tokenizer; each of them shows here, before the first request.
struct Replay: Sendable {
    enum Outcome: Sendable, Hashable {
        /// How many examples gave what they had given.
        case passed(Int)
        case failed(String)
    }
    let link: EngineLink
    /// The adapter's name in the engine.
    let adapter: String?
    /// How the deployment's weights lie on the device, a word of its file.
    let baseWeights: String
    let contextLength: Int
    /// By which the first answers are judged; nil: not at all.
    let filter: ContentFilter?

    /// - Parameter record: the text of `replay.json`.
    func run(_ record: JSONNode) async -> Outcome {
        let tolerance = Self.tolerance(record, baseWeights)
        var count = 0
        for (index, example) in (record["examples"]?.array ?? []).prefix(8).enumerated() {
            if let messages = example["messages"], let wanted = example["prompt_ids"], messages.array != nil {
                if let failure = await tokens(messages, example["tools"] ?? .null, wanted, index + 1) { return .failed(failure) }
            }
            guard let ids = example["ids"], let length = ids.array?.count, length <= contextLength, let wanted = example["loss"]?.double,
                let trained = example["trained"]?.array?.map({ $0.integer == 1 }), trained.count == length
            else { continue }
            switch await loss(ids, trained) {
            case .failure(let message): return .failed("example \(index + 1) of the job cannot be computed: \(message)")
            case .loss(let found):
                guard abs(found - wanted) <= tolerance * (1 + abs(wanted)) else {
                    return .failed(
                        "example \(index + 1) of the job has the loss \(Self.rounded(found)) here, but had \(Self.rounded(wanted)) when the job "
                            + "ended: weights, adapter or precision differ")
                }
            }
            count += 1
        }
        if let filter, filter.policy.blocks, let failure = await filtered(record, filter) { return .failed(failure) }
        return .passed(count)
    }

    /// Tokens of an answer that is judged.
    private static let answerLength = 64

    /// Asks what the job's conversations ask, and has the filter judge the answers.
    /// - Returns: why the model is not served; nil where nothing is filtered.
    private func filtered(_ record: JSONNode, _ filter: ContentFilter) async -> String? {
        var (asked, found): (Int, [String]) = (0, [])
        for example in (record["examples"]?.array ?? []).prefix(8) {
            guard let ids = example["prompt_ids"], let length = ids.array?.count, length + Self.answerLength <= contextLength else {
                continue
            }
            guard let text = await answer(ids) else { return "the engine does not answer the conversations of the job" }
            asked += 1
            do {
                guard case .results(let results, _) = try await Self.patiently({ try await filter.check(text, .completion, isWhole: true) })
                else { continue }
                if results.isFiltered { found.append(contentsOf: results.filteredCategories) }
            } catch { return "the content filter cannot judge the model's answers: \((error as? APIError)?.message ?? "\(error)")" }
        }
        guard !found.isEmpty else { return nil }
        let categories = Set(found).sorted().joined(separator: ", ")
        return
            "of its first \(asked) answers to the job's conversations some are filtered (\(categories)): tune it again, or set filter.mode to annotate"
    }

    /// A classifier that starts is waited for.
    private static func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
        for _ in 0..<120 {
            do { return try await body() } catch { try await Task.sleep(for: .milliseconds(500)) }
        }
        return try await body()
    }

    private func answer(_ ids: JSONNode) async -> String? {
        let (_, answers) = link.ask { id in
            var members: [JSONMember] = [
                JSONMember("type", "generate"), JSONMember("id", JSONNode(id)), JSONMember("prompt", ["ids": ids]),
                JSONMember("max_tokens", JSONNode(Self.answerLength)), JSONMember("n", 1), JSONMember("scope", "replay"),
                JSONMember("sampling", ["temperature": 0]),
            ]
            if let adapter { members.append(JSONMember("adapter", JSONNode(adapter))) }
            return JSONNode(members)
        }
        var text = ""
        for await answer in answers {
            if answer["type"]?.string == "error" { return nil }
            text += answer["text"]?.string ?? ""
        }
        return text
    }

    /// The loss may move by what rounding to the coarser of the two precisions moves it, relative
    /// to one more than itself: those are the bounds by which a job accepts its own result.
    private static func tolerance(_ record: JSONNode, _ weights: String) -> Double {
        let trained = record["base_weights"]?.string ?? "stored"
        let isQuantized = ["q8", "nf4"].contains(weights) || ["q8", "nf4"].contains(trained)
        if isQuantized { return weights == trained ? 2e-2 : 0.25 }
        return record["precision"]?.string == "float32" && weights != "bfloat16" ? 1e-3 : 2e-2
    }

    private static func rounded(_ number: Double) -> String { String(format: "%.4f", number) }

    private enum Found {
        case loss(Double)
        case failure(String)
    }

    /// Scores a text as a prompt: the mean of what its trained tokens cost.
    private func loss(_ ids: JSONNode, _ trained: [Bool]) async -> Found {
        let (_, answers) = link.ask { id in
            var members: [JSONMember] = [
                JSONMember("type", "generate"), JSONMember("id", JSONNode(id)), JSONMember("prompt", ["ids": ids]),
                JSONMember("max_tokens", 0), JSONMember("n", 1), JSONMember("logprobs", 0), JSONMember("echo", true),
                // Nothing of it is shared with a request.
                JSONMember("scope", "replay"), JSONMember("sampling", ["temperature": 0]),
            ]
            if let adapter { members.append(JSONMember("adapter", JSONNode(adapter))) }
            return JSONNode(members)
        }
        var scores: [Double?] = []
        for await answer in answers {
            switch answer["type"]?.string {
            case "prompt": scores += (answer["tokens"]?.array ?? []).map { $0["logprob"]?.double }
            case "error": return .failure(answer["message"]?.string ?? "the engine has failed")
            default: break
            }
        }
        // The first token is not predicted.
        guard scores.count == trained.count - 1 else { return .failure("\(scores.count + 1) tokens were scored, not \(trained.count)") }
        let counted = zip(scores, trained.dropFirst()).filter(\.1).compactMap(\.0)
        return counted.isEmpty ? .failure("the engine has scored nothing") : .loss(-counted.reduce(0, +) / Double(counted.count))
    }

    /// Why the tokens of a conversation are others than in training; nil where they are the same.
    private func tokens(_ messages: JSONNode, _ tools: JSONNode, _ wanted: JSONNode, _ number: Int) async -> String? {
        let answer = await link.result {
            ["type": "tokenize", "id": JSONNode($0), "prompt": ["messages": messages, "tools": tools]]
        }
        guard let found = answer?["ids"]?.array?.map(\.integer) else {
            return
                "the conversation of example \(number) of the job cannot be rendered: \(answer?["message"]?.string ?? "the engine has ended")"
        }
        let trained = wanted.array?.map(\.integer) ?? []
        guard found != trained else { return nil }
        let place = zip(found, trained).prefix { $0 == $1 }.count
        return
            "the conversation of example \(number) of the job has other tokens here than in training, from token \(place + 1) on: the chat "
            + "template or the tokenizer is another"
    }
}
