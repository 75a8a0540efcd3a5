import Filtering
import Foundation
import JSON
import ServingAPI

/// The filter on its way through one request: the prompts before the engine is asked, the answer
/// before it goes out. Verdicts are logged with the request's id, never with the text unless the
/// deployment says so.
struct Guarding: Sendable {
    let filter: ContentFilter
    let deployment: String
    let request: String
    /// `prompt_filter_results`, once the prompts have been checked.
    private(set) var promptResults: JSONNode = []

    init(_ filter: ContentFilter, deployment: String, request: String) {
        (self.filter, self.deployment, self.request) = (filter, deployment, request)
    }

    /// Checks what is asked.
    /// - Parameters:
    ///   - prompts: as an engine takes them.
    ///   - link: to turn token ids into text.
    /// - Throws: ``APIError``: 400 in Azure's form for what is filtered.
    mutating func checkPrompts(_ prompts: [JSONNode], _ link: EngineLink) async throws {
        var annotations: [JSONNode] = []
        for (index, prompt) in prompts.enumerated() {
            let text = try await Self.text(of: prompt, link)
            let checked = try await filter.check(text, .prompt, isWhole: true)
            switch checked {
            case .unchecked(let message):
                annotations.append([
                    "prompt_index": JSONNode(index),
                    "content_filter_result": ["error": ["code": "content_filter_error", "message": JSONNode(message)]],
                ])
            case .results(let results, _):
                if results.isFiltered {
                    log(results, .prompt, text)
                    throw APIError.filteredPrompt(results.json)
                }
                annotations.append(["prompt_index": JSONNode(index), "content_filter_results": results.json])
            }
        }
        promptResults = JSONNode(annotations)
    }

    /// What people would read of a prompt: the contents of all messages, whoever says them.
    private static func text(of prompt: JSONNode, _ link: EngineLink) async throws -> String {
        if let text = prompt["text"]?.string { return text }
        if let ids = prompt["ids"] {
            let answer = await link.result { ["type": "detokenize", "id": JSONNode($0), "ids": ids] }
            if let answer, answer["type"]?.string == "error" { throw AnswerBuilder.error(answer, isChat: false).about("prompt") }
            guard let text = answer?["text"]?.string else { throw Front.restarting }
            return text
        }
        var texts: [String] = []
        func collect(_ node: JSONNode) {
            if let text = node.string { texts.append(text) }
            for element in node.array ?? [] { collect(element) }
            for member in node.object ?? [] where !["role", "type", "id", "tool_call_id"].contains(member.key) { collect(member.node) }
        }
        collect(prompt["messages"] ?? [])
        if let tools = prompt["tools"] { collect(tools) }
        return texts.joined(separator: "\n")
    }

    /// The filter for the answer.
    var answer: FilteredAnswer {
        let own = self
        return FilteredAnswer(buffers: filter.policy.buffers) { text, isWhole in
            let checked = try await own.filter.check(text, .completion, isWhole: isWhole)
            if case .results(let results, _) = checked, results.isFiltered { own.log(results, .completion, text) }
            return checked
        }
    }

    /// A whole answer, filtered and annotated.
    func whole(_ answer: JSONNode) async throws -> JSONNode {
        let filtered = try await self.answer.whole(answer)
        return JSONNode((filtered.object ?? []) + [JSONMember("prompt_filter_results", promptResults)])
    }

    /// The chunk that begins a stream, without a choice, as Azure's service sends it.
    var firstChunk: JSONNode {
        ["id": "", "object": "", "created": 0, "model": "", "prompt_filter_results": promptResults, "choices": []]
    }

    private func log(_ results: FilterResults, _ side: FilterPolicy.Side, _ text: String) {
        FilterCount.shared.add(deployment, side)
        var fields = [
            ("REQUEST", request), ("DEPLOYMENT", deployment), ("SIDE", side.rawValue),
            ("RESULTS", JSONWriter().string(results.json)),
        ]
        if filter.policy.logsText { fields.append(("TEXT", text)) }
        ServerLog.note(
            "content filter: \(side.rawValue) of \(deployment) filtered for \(results.filteredCategories.joined(separator: ", "))", .notice,
            fields)
    }
}

/// How often something was filtered, for /metrics.
final class FilterCount: Sendable {
    static let shared = FilterCount()
    private let counts = Locked<[String: Int]>([:])

    func add(_ deployment: String, _ side: FilterPolicy.Side) { counts.change { $0["\(deployment) \(side.rawValue)", default: 0] += 1 } }

    /// Deployment, side, count.
    var all: [(deployment: String, side: String, count: Int)] {
        counts.get().sorted { $0.key < $1.key }.compactMap { key, count in
            let words = key.split(separator: " ")
            return words.count == 2 ? (String(words[0]), String(words[1]), count) : nil
        }
    }
}
