/// The names of what the host writes for a training program, beside the model's own inputs
/// (``ModelInput``).
package enum ProgramInput {
    /// `[trained, 1]` int32: rows of hidden states that the loss looks at.
    package static let trainedRows = "trainedRows"
    /// `[trained, 1]` int32: the tokens that they should predict.
    package static let targets = "targets"
    /// `[1, 1]` float32: one over the weight of the whole batch.
    package static let lossScale = "lossScale"
    /// `[1, 1]` float32: the weight of the micro-batch over that of the whole batch.
    package static let batchShare = "batchShare"
    /// `[1, n]` float32: what the loss takes of the whole batch beside.
    package static let batchNumbers = "batchNumbers"
    /// `[trained, n]` float32: a teacher's hidden states of these rows.
    package static let guide = "guide"
    /// `[pages, 1]` float32: the sum of the squares of each page's gradients, where several
    /// processes have them.
    package static let squares = "squares"
    /// `[1, n]` float32: the optimizer's numbers of the step.
    package static let optimizerScalars = "optimizerScalars"

    /// The same for the tensors whose rate is so many times that of the step.
    package static func scalars(at rateFactor: Double) -> String {
        rateFactor == 1 ? optimizerScalars : "\(optimizerScalars) at \(rateFactor)"
    }
}

/// The names of what the host reads after a run.
package enum ProgramOutput {
    /// `[trained, 1]` float32.
    package static let losses = "losses"
    package static let correct = "correct"
    package static let divergences = "divergences"
    /// `[1, 1]` float32: the loss of unevenly used experts, before it is scaled.
    package static let routerLoss = "routerLoss"
    /// `[own pages, 1]` float32: the sum of the squares of each page's gradients.
    package static let squares = "squares"
    /// `[1, 2]` float32: global gradient norm and clip factor.
    package static let norm = "norm"
}
