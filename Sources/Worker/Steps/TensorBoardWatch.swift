import Glibc
import Jobs
import Spool
import Storage
import TensorBoard
import Training

/// Writes the figures of each step into an event file, under the names that transformers gives
/// them.
final class TensorBoardWatch: StepObserver {
    private let file: EventFile

    /// - Parameter step: the last step whose figures hold.
    init(_ folder: JobFolder, keepingThrough step: Int) throws {
        file = try EventFile(folder.tensorBoard, name: folder.id, keepingThrough: step, at: Self.now())
    }

    func stepEnded(_ step: StepResult, row: MetricsRow) throws {
        let values: [(String, Double?)] = [
            ("train/loss", row.trainLoss), ("train/mean_token_accuracy", row.trainAccuracy), ("train/learning_rate", row.learningRate),
            ("train/grad_norm", row.gradientNorm), ("train/tokens_per_second", row.tokensPerSecond), ("train/epoch", step.epoch),
            ("eval/batch_loss", row.validLoss), ("eval/batch_mean_token_accuracy", row.validAccuracy),
            ("eval/loss", row.fullValidLoss), ("eval/mean_token_accuracy", row.fullValidAccuracy),
        ]
        try file.append(step: row.step, values.compactMap { tag, value in value.map { (tag, $0) } }, at: Self.now())
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
