package import Jobs
package import Manifest

/// The figure by which a run is judged, and what has been made of it so far.
///
/// All of it follows from the rows of `metrics.csv`: a resumed run decides as the unbroken one.
package struct Selection: Sendable {
    /// The word for the figure.
    package let metric: String
    /// Whether the result is that of the best evaluation.
    package let loadsBest: Bool
    package private(set) var rule: SelectionRule
    /// The row of the best evaluation.
    package private(set) var bestRow: MetricsRow?
    /// The place of the figure among a row's further columns; nil for loss and accuracy.
    private let column: Int?

    /// - Returns: nil where the manifest asks for neither.
    /// - Throws: ``TrainingError/unknownName(key:name:known:)`` for a figure that the objective
    /// does   not have, ``TrainingError/needsValidation(key:)``.
    package init?(_ evaluation: Manifest.Evaluation, of objective: any Objective, hasValidation: Bool, gradeColumns: [String] = [])
        throws(TrainingError)
    {
        guard evaluation.earlyStopping != nil || evaluation.loadsBest else { return nil }
        guard hasValidation else {
            throw .needsValidation(key: evaluation.earlyStopping == nil ? "evaluation.load_best" : "evaluation.early_stopping")
        }
        let settings = evaluation.earlyStopping ?? Manifest.EarlyStopping()
        let known = ["loss", "accuracy"] + objective.columns + gradeColumns
        guard let place = known.firstIndex(of: settings.metric) else {
            throw .unknownName(key: "evaluation.early_stopping.metric", name: settings.metric, known: known)
        }
        metric = settings.metric
        loadsBest = evaluation.loadsBest
        // The objective's columns stand there three times: of the batch, with what only batches
        // have, of a validation batch, of all. Those of graders follow.
        column = place < 2 ? nil : 2 * objective.columns.count + objective.batchColumns.count + place - 2
        rule = SelectionRule(
            isGreaterBetter: place > 0, patience: evaluation.earlyStopping?.patience, threshold: settings.threshold)
    }

    /// Takes the figures of a step; those without an evaluation of the whole validation set say
    /// nothing.
    /// - Returns: whether it is the best so far.
    @discardableResult package mutating func add(_ row: MetricsRow) -> Bool {
        let value: Double?
        if let column {
            value = row.others.indices.contains(column) ? row.others[column] : nil
        } else {
            value = metric == "loss" ? row.fullValidLoss : row.fullValidAccuracy
        }
        guard let value else { return false }
        let isBest = rule.add(value, step: row.step)
        if isBest { bestRow = row }
        return isBest
    }
}
