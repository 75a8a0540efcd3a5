package import JSON
package import Jobs

/// `trainer_state.json` as transformers' Trainer leaves it in a checkpoint: for programs that plot
/// or import a run. Nothing of ours is read back from it.
///
/// Its keys are those that every version of `TrainerState` has: an unknown one keeps it from being
/// loaded.
package struct TrainerState: Sendable {
    /// The figures of all steps so far.
    package var rows: [MetricsRow]
    package var step: Int
    package var totalSteps: Int
    package var stepsPerEpoch: Int
    /// Examples of a step.
    package var batchSize: Int

    package init(rows: [MetricsRow], step: Int, totalSteps: Int, stepsPerEpoch: Int, batchSize: Int) {
        self.rows = rows
        self.step = step
        self.totalSteps = totalSteps
        self.stepsPerEpoch = max(1, stepsPerEpoch)
        self.batchSize = batchSize
    }

    /// Entries of the history beside those of evaluations: of a longer run every second, third ...
    /// step stands in it.
    static let historyLimit = 10_000

    package var json: JSONNode {
        let stride = max(1, (rows.count + Self.historyLimit - 1) / Self.historyLimit)
        let history = rows.flatMap { row -> [JSONNode] in
            let isShown = row.step % stride == 0 || row.step == step
            return (isShown ? [training(row)] : []) + (row.fullValidLoss.map { [evaluation(row, $0)] } ?? [])
        }
        return [
            "best_metric": rows.compactMap(\.fullValidLoss).min().map { JSONNode($0) } ?? .null, "best_model_checkpoint": .null,
            "epoch": JSONNode(epoch(step)), "global_step": JSONNode(step), "log_history": JSONNode(history),
            "logging_steps": JSONNode(stride), "max_steps": JSONNode(totalSteps),
            "num_train_epochs": JSONNode((totalSteps + stepsPerEpoch - 1) / stepsPerEpoch), "train_batch_size": JSONNode(batchSize),
        ]
    }

    private func epoch(_ step: Int) -> Double { Double(step) / Double(stepsPerEpoch) }

    private func training(_ row: MetricsRow) -> JSONNode {
        [
            "epoch": JSONNode(epoch(row.step)), "grad_norm": Self.number(row.gradientNorm), "learning_rate": Self.number(row.learningRate),
            "loss": Self.number(row.trainLoss), "mean_token_accuracy": Self.number(row.trainAccuracy), "step": JSONNode(row.step),
        ]
    }

    private func evaluation(_ row: MetricsRow, _ loss: Double) -> JSONNode {
        [
            "epoch": JSONNode(epoch(row.step)), "eval_loss": Self.number(loss),
            "eval_mean_token_accuracy": row.fullValidAccuracy.map(Self.number) ?? .null, "step": JSONNode(row.step),
        ]
    }

    private static func number(_ value: Double) -> JSONNode { value.isFinite ? JSONNode(value) : .null }
}
