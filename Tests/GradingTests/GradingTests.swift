import Foundation
import Grading
import JSON
import TestSupport
import Testing

@Suite struct GradingTests {
    /// What sacreBLEU, rouge_score, rapidfuzz and SQuAD's rules give the same answers.
    private static func reference() throws -> JSONNode {
        let path = ReferenceSet.checkout + "/Tests/GradingTests/Scores.json"
        return try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: path))))
    }

    private static func pairs() throws -> [(answer: String, reference: String, node: JSONNode)] {
        try (reference()["answers"]?.array ?? []).map { node in
            (try #require(node["answer"]?.string), try #require(node["reference"]?.string), node)
        }
    }

    private static func item(_ reference: String) -> JSONNode { ["reference": JSONNode(reference)] }

    @Test(arguments: Grader.Metric.allCases.filter { ![.rouge4, .rouge5].contains($0) })
    func scoresAreThoseOfTheReferenceImplementations(metric: Grader.Metric) throws {
        let grader = try Grader(
            ["type": "text_similarity", "evaluation_metric": JSONNode(metric.rawValue)], called: "g")
        var count = 0
        for (answer, reference, node) in try Self.pairs() {
            var wanted = try #require(node[metric.rawValue]?.double)
            if metric == .bleu { wanted /= 100 }
            let found = try grader.score(item: Self.item(reference), answer: answer)
            #expect(
                abs(found - wanted) < 1e-9,
                "\(metric.rawValue) of \"\(answer)\": \(found), reference \(wanted)")
            count += 1
        }
        #expect(count == 12)
    }

    @Test func theScoreOfACorpusIsSacreBLEUs() throws {
        let wanted = try Self.reference()
        let pairs = try Self.pairs()
        func score(_ pairs: [(String, String)]) -> Double {
            var sum = BLEU()
            for (answer, reference) in pairs { sum.add(answer, reference) }
            return sum.score()
        }
        #expect(
            abs(score(pairs.map { ($0.answer, $0.reference) }) - (wanted["corpus_bleu"]?.double ?? -1))
                < 1e-9)
        let two = [(pairs[0].answer, pairs[0].reference), ("cat", "dog")]
        #expect(abs(score(two) - (wanted["corpus_bleu_of_two"]?.double ?? -1)) < 1e-9)
        #expect(score([("cat sat", "cat sat")]) == wanted["corpus_bleu_without_four_words"]?.double)
        #expect(BLEU().score() == 0)
    }

    @Test(arguments: [
        ("eq", "yes", 1.0), ("eq", "Yes", 0), ("ne", "Yes", 1), ("like", "oh yes!", 1),
        ("like", "oh Yes!", 0), ("ilike", "oh Yes!", 1),
    ])
    func stringsAreCompared(operation: String, answer: String, score: Double) throws {
        let grader = try Grader(
            [
                "type": "string_check", "operation": JSONNode(operation),
                "input": "{{ sample.output_text }}", "reference": "{{item.answer}}",
            ],
            called: "g")
        #expect(try grader.score(item: ["answer": "yes"], answer: answer) == score)
    }

    @Test func aTemplateReadsWhatARecordHolds() throws {
        let template = try GraderTemplate("{{item.a.b}}, {{ item.list.1 }}: {{sample.output_text}}!")
        #expect(template.itemKeys == ["a", "list"])
        #expect(
            try template.text(item: ["a": ["b": 5], "list": ["x", "y"]], answer: "z") == "5, y: z!")
        #expect(throws: GraderRefusal("item.a.b is missing")) {
            try template.text(item: ["a": 1, "list": []], answer: "")
        }
    }

    @Test func fieldsOfJSONAreCounted() throws {
        let valid = try Grader(["type": "json"], called: "g")
        #expect(try valid.score(item: ["reference": 1], answer: " {\"a\": 1} ") == 1)
        #expect(try valid.score(item: ["reference": 1], answer: "{\"a\": 1} and more") == 0)
        let fields = try Grader(["type": "json", "reference": "{{item.reference}}"], called: "g")
        let item: JSONNode = [
            "reference": ["a": 1, "b": ["x": [1, 2], "y": nil], "c": "t", "d": true]
        ]
        #expect(
            try fields.score(
                item: item, answer: #"{"b": {"y": null, "x": [1.0, 2]}, "a": 1.0, "c": "other"}"#) == 0.5)
        #expect(try fields.score(item: item, answer: "no JSON") == 0)
    }

    @Test func severalGradersAreOneByTheirFormula() throws {
        let grader = try Grader(
            [
                "type": "multi", "name": "both",
                "calculate_output": "0.25 * same + max(near, 0.5) / (2 - 0) - -1",
                "graders": [
                    "same": ["type": "string_check", "operation": "eq"],
                    "near": ["type": "text_similarity", "evaluation_metric": "token_f1"],
                ],
            ], called: "g")
        #expect(grader.name == "both")
        #expect(try grader.score(item: Self.item("a b"), answer: "a b") == 0.25 + 0.5 + 1)
        #expect(try grader.score(item: Self.item("red fox"), answer: "blue owl") == 0.25 + 1)
    }

    /// What is wrong, and the field that is named.
    @Test(arguments: [
        (#"{}"#, "type:"), (#"{"type": "score_model"}"#, "type:"), (#"[]"#, "not a grader"),
        (#"{"type": "string_check"}"#, "operation:"),
        (#"{"type": "string_check", "operation": "is"}"#, "operation:"),
        (#"{"type": "string_check", "operation": "eq", "metric": "x"}"#, "metric:"),
        (#"{"type": "string_check", "operation": "eq", "input": 5}"#, "input:"),
        (#"{"type": "string_check", "operation": "eq", "input": "{{item}}"}"#, "input:"),
        (#"{"type": "string_check", "operation": "eq", "input": "{{sample.id}}"}"#, "output_text"),
        (#"{"type": "string_check", "operation": "eq", "input": "{{item.a"}"#, "}}"),
        (#"{"type": "text_similarity", "evaluation_metric": "cosine"}"#, "evaluation_metric:"),
        (
            #"{"type": "text_similarity", "evaluation_metric": "bleu", "pass_threshold": "high"}"#,
            "pass_threshold:"
        ),
        (#"{"type": "multi", "graders": {}, "calculate_output": "1"}"#, "graders:"),
        (#"{"type": "multi", "graders": {"a": {"type": "json"}}}"#, "calculate_output:"),
        (
            #"{"type": "multi", "graders": {"a": {"type": "json"}}, "calculate_output": "a + b"}"#,
            "names b"
        ),
        (
            #"{"type": "multi", "graders": {"a": {"type": "json"}}, "calculate_output": "a +"}"#,
            "calculate_output:"
        ),
        (
            #"{"type": "multi", "graders": {"a": {"type": "json"}}, "calculate_output": "pow(a)"}"#,
            "calls pow"
        ),
        (
            #"{"type": "multi", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"}"#,
            "graders.a.type:"
        ),
        (
            #"{"type": "multi", "graders": {"a": {"type": "json", "x": 1}}, "calculate_output": "a"}"#,
            "graders.a.x:"
        ),
    ])
    func whatIsWrongWithAGraderIsNamed(text: String, word: String) throws {
        let node = try JSONParser().parse(text)
        do throws(GraderRefusal) {
            _ = try Grader(node, called: "g")
            Issue.record("\(text) was taken")
        } catch { #expect(error.message.contains(word), "\(error.message)") }
    }
}
