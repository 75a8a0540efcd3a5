import JSON
import Testing

@testable import Filtering

@Suite struct FilterPolicyTests {
    private static func policy(_ text: String) throws -> FilterPolicy? { FilterPolicy(try JSONParser().parse(text)) }

    @Test func degreesAreJudgedByTheThresholdOfTheirSide() throws {
        let policy = try #require(
            try Self.policy(#"{"mode": "block", "prompt": {"hate": "high"}, "completion": {"hate": "low", "violence": "off"}}"#))
        let labels = ["safe", "hate/low", "hate/medium", "hate/high", "violence/high", "jailbreak"]
        let scores = [0.9, 0.8, 0.6, 0.2, 0.9, 0.7]
        var prompt = FilterResults()
        policy.judge(labels, scores, .prompt, into: &prompt)
        #expect(
            JSONWriter().string(prompt.json)
                == #"{"jailbreak":{"filtered":true,"detected":true},"hate":{"filtered":false,"severity":"medium"},"violence":{"filtered":true,"severity":"high"}}"#
        )
        #expect(prompt.isFiltered && prompt.filteredCategories == ["jailbreak", "violence"])
        var completion = FilterResults()
        policy.judge(labels, [1, 0.9, 0.1, 0.1, 0.9, 0], .completion, into: &completion)
        #expect(completion.filteredCategories == ["hate"])
    }

    @Test func annotationsHoldNothingBack() throws {
        let policy = try #require(try Self.policy(#"{"mode": "annotate", "block_lists": ["a"]}"#))
        var results = FilterResults()
        policy.judge(["hate/high"], [1], .prompt, into: &results)
        policy.judge(blockLists: ["a"], into: &results)
        #expect(!results.isFiltered)
        #expect(results.json["hate"]?["severity"]?.string == "high")
        #expect(results.json["custom_blocklists"]?["detected"]?.bool == true)
    }

    @Test func whatIsOffIsNoPolicy() throws {
        #expect(try Self.policy(#"{"mode": "off", "block_lists": ["a"]}"#) == nil)
        #expect(FilterPolicy(nil) == nil)
    }
}
