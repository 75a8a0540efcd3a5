import Jobs
import Training

/// Watches loss and gradient norm of a run for figures that are far out of line.
struct OutlierWatch {
    private var loss = OutlierDetector()
    private var norm = OutlierDetector()
    private var lastWarning = -OutlierWatch.quietSteps
    /// Steps after a warning in which there is no other.
    static let quietSteps = 10

    /// - Parameter rows: the steps done so far, so that a resumed run warns where the unbroken one
    ///   would have.
    init(_ rows: [MetricsRow]) { for row in rows { _ = add(row, examples: []) } }

    /// - Parameter examples: lines of the step's examples in the training file.
    /// - Returns: warnings.
    mutating func add(_ row: MetricsRow, examples: [Int]) -> [String] {
        let found = [("loss", row.trainLoss, loss.add(row.trainLoss)), ("gradient norm", row.gradientNorm, norm.add(row.gradientNorm))]
            .filter { $0.2 != nil }
        guard !found.isEmpty, row.step >= lastWarning + Self.quietSteps else { return [] }
        lastWarning = row.step
        return found.map { name, value, score in
            "Step \(row.step): the \(name) is \(JobRunner.rounded(value)), \(Int((score ?? 0).rounded(.down))) standard deviations above the mean of the steps before; the batch holds the examples \(examples.prefix(32).map(String.init).joined(separator: ", "))\(examples.count > 32 ? ", …" : "") of the training file (counted from 1)"
        }
    }
}
