import JSON
import Jobs
import Preparation

/// Watches whether the loss of a run rises over its first tenth, as it does where the learning rate
/// is too high.
struct RisingLoss {
    /// The steps that are looked at.
    private let window: Int
    private var losses: [Double] = []
    /// Fewer say nothing: a loss goes up and down from batch to batch.
    private static let fewest = 10

    /// - Parameters:
    ///   - totalSteps: of the whole run.
    ///   - rows: the steps done so far, so that a resumed run warns where the unbroken one would
    ///     have, and not again.
    init(totalSteps: Int, rows: [MetricsRow]) {
        window = max(Self.fewest, totalSteps / 10)
        for row in rows { _ = add(row) }
    }

    /// - Returns: a warning, once, with the last step of the window.
    mutating func add(_ row: MetricsRow) -> JobWarning? {
        guard losses.count < window else { return nil }
        losses.append(row.trainLoss)
        guard losses.count == window else { return nil }
        let third = window / 3
        let (first, last) = (Self.mean(losses.prefix(third)), Self.mean(losses.suffix(third)))
        let spread = Self.deviation(losses.prefix(third), first) + Self.deviation(losses.suffix(third), last)
        // More than what batches differ by, and more than a tenth.
        guard last > first * 1.1, last - first > spread else { return nil }
        return JobWarning(
            code: "loss_rises",
            message:
                "the loss rose from \(JobRunner.rounded(first)) to \(JobRunner.rounded(last)) over the first \(window) steps: the learning rate may be too high",
            param: "learning_rate")
    }

    private static func mean(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

    private static func deviation(_ values: ArraySlice<Double>, _ mean: Double) -> Double {
        (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count))).squareRoot()
    }
}

extension JobRunner {
    /// - Throws: ``StorageError``.
    func event(_ warning: JobWarning) throws {
        try event(
            .jobWarning, "Warning: \(warning)", .warn,
            data: ["warning": JSONNode(warning.code), "param": warning.param.map { JSONNode($0) } ?? .null])
    }
}
