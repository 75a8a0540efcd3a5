import Filtering
import JSON
import Testing

@Suite struct ModerationTests {
    private static let policy = FilterPolicy(["mode": "block", "block_lists": ["house"], "prompt": ["violence": "high"]])

    private static func judged(_ probabilities: [Double], lists: [String] = []) throws -> JSONNode {
        let labels = ["safe", "hate/low", "hate/high", "self_harm/medium", "violence/low", "jailbreak"]
        let policy = try #require(policy)
        var results = FilterResults()
        policy.judge(blockLists: lists, into: &results)
        policy.judge(labels, probabilities, .prompt, into: &results)
        return Moderation(results, labels, probabilities).json
    }

    /// Categories are there by the filter's names and by OpenAI's, each of which is there always.
    @Test func categoriesHaveBothNames() throws {
        let found = try Self.judged([0, 0.1, 0.8, 0.9, 0.95, 0.2])
        #expect(found["flagged"]?.bool == true)
        let flags = try #require(found["categories"])
        #expect(flags["hate"]?.bool == true && flags["self_harm"]?.bool == true && flags["self-harm"]?.bool == true)
        // Below its threshold, and what is not likely.
        #expect(flags["violence"]?.bool == false && flags["jailbreak"]?.bool == false && flags["custom_blocklists"]?.bool == false)
        for name in ["harassment", "harassment/threatening", "illicit", "sexual", "sexual/minors", "self-harm/intent", "violence/graphic"] {
            #expect(flags[name]?.bool == false && found["category_scores"]?[name]?.double == 0, "\(name)")
        }
        let score = try #require(found["category_scores"]?["hate"]?.double)
        #expect(abs(score - 0.9) < 1e-12 && found["category_scores"]?["self-harm"]?.double == 0.9)
        #expect(found["category_applied_input_types"]?["hate"]?.array?.first?.string == "text")
        // What nothing looked at is not flagged, and said to be so.
        let unknown = (found["tala"]?["not_checked"]?.array ?? []).compactMap(\.string)
        #expect(unknown.contains("sexual") && !unknown.contains("hate") && !unknown.contains("self-harm"))
        #expect(found["category_scores"]?.object?.allSatisfy { (0...1).contains($0.node.double ?? 2) } == true)
    }

    @Test func aTermOfAListFlags() throws {
        #expect(try Self.judged([1, 0, 0, 0, 0, 0])["flagged"]?.bool == false)
        let found = try Self.judged([1, 0, 0, 0, 0, 0], lists: ["house"])
        #expect(found["flagged"]?.bool == true && found["categories"]?["custom_blocklists"]?.bool == true)
        #expect(found["category_scores"]?["custom_blocklists"]?.double == 1)
    }
}
