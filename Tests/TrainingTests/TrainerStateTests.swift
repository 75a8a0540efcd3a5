import JSON
import Jobs
import Testing

@testable import Training

@Suite struct TrainerStateTests {
    private static func rows(_ count: Int, evaluatedEvery period: Int) -> [MetricsRow] {
        (1...count).map { step in
            var row = MetricsRow(
                step: step, trainLoss: 2 / Double(step), trainAccuracy: 0.5, learningRate: 1e-3, gradientNorm: 1, trainedTokens: step * 10,
                tokensPerSecond: 100)
            if step % period == 0 { (row.fullValidLoss, row.fullValidAccuracy) = (3 - Double(step) / 100, 0.25) }
            return row
        }
    }

    @Test func theHistoryHasEveryStepAndEveryEvaluationOnce() {
        let json = TrainerState(rows: Self.rows(20, evaluatedEvery: 10), step: 20, totalSteps: 30, stepsPerEpoch: 10, batchSize: 4).json
        let history = json["log_history"]?.array ?? []
        #expect(history.filter { $0["loss"] != nil }.compactMap { $0["step"]?.integer } == Array(1...20))
        #expect(history.filter { $0["eval_loss"] != nil }.compactMap { $0["step"]?.integer } == [10, 20])
        #expect(json["global_step"]?.integer == 20 && json["max_steps"]?.integer == 30 && json["num_train_epochs"]?.integer == 3)
        #expect(json["epoch"]?.double == 2 && json["best_metric"]?.double == 2.8)
    }

    @Test func aLongRunsHistoryIsThinnedButItsEvaluationsStay() {
        let rows = Self.rows(25_000, evaluatedEvery: 999)
        let json = TrainerState(rows: rows, step: 25_000, totalSteps: 25_000, stepsPerEpoch: 999, batchSize: 1).json
        let history = json["log_history"]?.array ?? []
        #expect(history.filter { $0["loss"] != nil }.count == 8334)
        #expect(history.filter { $0["eval_loss"] != nil }.count == 25)
        #expect(history.last?["step"]?.integer == 25_000 && json["logging_steps"]?.integer == 3)
    }
}
