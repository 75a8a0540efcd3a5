import JSON
import Jobs
import Manifest
import TestSupport
import Testing
import Training

@Suite struct SelectionTests {
    private static let shared = ReferenceSet.available.filter { $0.has("optimizers/early_stopping.json") }

    /// transformers' rule: when a run stops, what was best, and the counter after each evaluation.
    private static func follow(_ table: JSONNode) throws {
        let values = (table["values"]?.array ?? []).compactMap(\.double)
        var rule = SelectionRule(
            isGreaterBetter: table["greater_is_better"]?.bool == true, patience: table["patience"]?.integer,
            threshold: try #require(table["threshold"]?.double))
        var counters: [Int] = []
        for (index, value) in values.enumerated() {
            rule.add(value, step: index + 1)
            counters.append(rule.counter)
            if rule.isExhausted { break }
        }
        #expect(counters == (table["counter_after_each"]?.array ?? []).compactMap(\.integer), "\(JSONWriter().string(table))")
        #expect(rule.isExhausted == (table["stops_after_evaluation"]?.integer != nil))
        #expect(rule.best?.step == table["best_evaluation"]?.integer, "\(JSONWriter().string(table))")
    }

    @Test(.enabled(if: !shared.isEmpty, "needs early_stopping.json of ../shared/golden"), arguments: shared)
    func theRuleIsTheReferences(set: ReferenceSet) throws {
        let tables = try #require(try set.json("optimizers/early_stopping.json")["cases"]?.array)
        for table in tables { try Self.follow(table) }
        #expect(tables.count > 10)
    }

    @Test func theBestMovesOnAnyImprovementAndTheCounterOnlyOnEnough() throws {
        try Self.follow([
            "values": [2.0, 1.999, 1.998, 1.997, 1.5], "patience": 3, "threshold": 0.01, "greater_is_better": false,
            "stops_after_evaluation": 4, "best_evaluation": 4, "counter_after_each": [0, 1, 2, 3],
        ])
        try Self.follow([
            "values": [1.0, 1.2, 0.9, 1.0], "patience": 2, "threshold": 0.0, "greater_is_better": true, "stops_after_evaluation": 4,
            "best_evaluation": 2, "counter_after_each": [0, 0, 1, 2],
        ])
    }

    @Test func aFigureIsReadFromItsColumn() throws {
        var evaluation = Manifest.Evaluation()
        evaluation.earlyStopping = Manifest.EarlyStopping()
        evaluation.earlyStopping?.metric = "macro_f1"
        let objective = ClassificationObjective(classes: ["a", "b"])
        var selection = try #require(try Selection(evaluation, of: objective, hasValidation: true))
        var row = MetricsRow(
            step: 1, trainLoss: 1, trainAccuracy: 0, learningRate: 0, gradientNorm: 0, trainedTokens: 1, tokensPerSecond: 1)
        row.others = [0.1, 0.2, 0.7]
        #expect(selection.add(row) && selection.rule.best?.value == 0.7)
        row.others = [nil, nil, nil]
        #expect(!selection.add(row) && selection.rule.counter == 0)
        evaluation.earlyStopping?.metric = "f2"
        #expect(throws: TrainingError.self) { try Selection(evaluation, of: objective, hasValidation: true) }
        #expect(throws: TrainingError.self) { try Selection(evaluation, of: objective, hasValidation: false) }
        #expect(try Selection(Manifest.Evaluation(), of: objective, hasValidation: false) == nil)
    }
}
