import Graph
import Models
import Tensors

/// The output layer and its cross-entropy, in chunks of rows, so that logits are never held whole.
///
/// Only rows whose next token is trained come here: they are gathered from the hidden states first,
/// which saves the head's product for all others. In training each chunk gives its losses and its
/// input gradient at once, and what a trained head weight receives.
struct HeadLoss {
    /// The end of the model's forward pass: the head's weight, its bias where it has one, and the
    /// cap of logits.
    var forward: ForwardPass
    /// Rows of logits that exist at one time.
    var chunkRows: Int
    /// What is added to the cross-entropy in training.
    var additions = TokenLossAdditions()
    /// A teacher whose distributions the rows are to have, in training; nil: none.
    var guide: Guide?

    /// What a teacher says of the rows.
    struct Guide {
        /// `[rows, teacher's features]`: its hidden states.
        var states: ValueID
        var head: TeacherHead
        /// What both models' logits are divided by.
        var temperature: Float
        /// The part of the divergence in the loss, 0 to 1.
        var share: Float
    }

    /// What the loss adds to a graph.
    struct Result {
        /// `[rows, 1]` float32 each: the loss of every row (with a guide its cross-entropy), and 1
        /// where the target is the likeliest token.
        var losses: ValueID
        var correct: ValueID
        /// `[rows, 1]` float32: how far every row is from the guide, where there is one
        /// (``DistillationLoss``).
        var divergences: ValueID?
        /// The gradient of the hidden states, in training.
        var hiddenGradient: ValueID?
    }

    /// - Parameters:
    ///   - hidden: `[rows, features]`, one row a trained token.
    ///   - targets: `[rows, 1]` int32, -1 in rows that fill up.
    ///   - lossScale: `[1, 1]` float32: one over the number of trained tokens of the whole batch.
    ///   - weightSum, biasSum: the gradients of a trained weight and bias of the head.
    ///   - slopes: factors, and for each row the place of the one that its gradient is multiplied
    ///     by; without places its own.
    func add(
        to graph: inout Graph, hidden: ValueID, targets: ValueID, lossScale: ValueID, isTraining: Bool,
        weightSum: (value: ValueID, key: String)?, biasSum: (value: ValueID, key: String)?,
        slopes: (factors: ValueID, places: ValueID?)? = nil
    ) throws(GraphError) -> Result {
        let type = graph.type(of: hidden)
        var losses: [ValueID] = []
        var correct: [ValueID] = []
        var divergences: [ValueID] = []
        var gradients: [ValueID] = []
        var (weightGradient, biasGradient) = (weightSum?.value, biasSum?.value)
        var start = 0
        while start < type.rows {
            let count = min(chunkRows, type.rows - start)
            let rows = try graph.add(SliceRows(start: start, count: count), [hidden], names: ["hidden chunk"])[0]
            let chunkTargets = try graph.add(SliceRows(start: start, count: count), [targets], names: ["targets chunk"])[0]
            let logits = try forward.addLogits(of: rows, to: &graph)
            let logitGradient: ValueID?
            if isTraining, let guide {
                let guideRows = try graph.add(SliceRows(start: start, count: count), [guide.states], names: ["guide chunk"])[0]
                let guideLogits = try guide.head.addLogits(of: guideRows, to: &graph)
                let operation = DistillationLoss(
                    temperature: guide.temperature, share: guide.share, softCap: forward.softCap, guideCap: guide.head.softCap,
                    gradientType: type.elementType)
                let results = try graph.add(
                    operation, [logits, guideLogits, chunkTargets, lossScale], names: ["losses", "divergences", "correct", "d logits"])
                losses.append(results[0])
                divergences.append(results[1])
                correct.append(results[2])
                logitGradient = results[3]
            } else {
                var operation = CrossEntropy(softCap: forward.softCap, gradientType: isTraining ? type.elementType : nil)
                if isTraining { (operation.smoothing, operation.squaredSum) = (additions.smoothing, additions.squaredSum) }
                let results = try graph.add(operation, [logits, chunkTargets, lossScale], names: ["losses", "correct", "d logits"])
                losses.append(results[0])
                correct.append(results[1])
                logitGradient = results.dropFirst(2).first
            }
            if var logitGradient {
                if let slopes {
                    let chunk = SliceRows(start: start, count: count)
                    let operands =
                        if let places = slopes.places {
                            [slopes.factors, try graph.add(chunk, [places], names: ["places chunk"])[0]]
                        } else {
                            [try graph.add(chunk, [slopes.factors], names: ["factors chunk"])[0]]
                        }
                    let scaling = ScaleRows(hasPlaces: slopes.places != nil)
                    logitGradient = try graph.add(scaling, [logitGradient] + operands, names: ["d logits"])[0]
                }
                gradients.append(
                    try forward.addHiddenGradient(of: logitGradient, type.elementType, to: &graph))
                if let weightSum, let sum = weightGradient {
                    let next = try graph.add(MatrixProduct(transposesA: true, hasAddend: true), [logitGradient, rows, sum])[0]
                    graph.store(next, into: weightSum.key)
                    weightGradient = next
                }
                if let biasSum, let sum = biasGradient {
                    let next = try graph.add(ColumnSum(), [logitGradient, sum])[0]
                    graph.store(next, into: biasSum.key)
                    biasGradient = next
                }
            }
            start += count
        }
        return Result(
            losses: try graph.add(ConcatenateRows(), losses, names: ["losses"])[0],
            correct: try graph.add(ConcatenateRows(), correct, names: ["correct"])[0],
            divergences: divergences.isEmpty ? nil : try graph.add(ConcatenateRows(), divergences, names: ["divergences"])[0],
            hiddenGradient: isTraining ? try graph.add(ConcatenateRows(), gradients, names: ["d hidden"])[0] : nil)
    }
}

/// What may be added to a token's cross-entropy in training; evaluation knows the cross-entropy
/// alone.
package struct TokenLossAdditions: Sendable, Hashable {
    /// The share of the target that is divided among all tokens (Szegedy et al. 2016).
    package var smoothing: Float = 0
    /// Times the square of the logarithm of the sum of exponentials (the z-loss of Chowdhery et al.
    /// 2022, arXiv:2204.02311).
    package var squaredSum: Float = 0

    package init(smoothing: Double = 0, squaredSum: Double = 0) {
        (self.smoothing, self.squaredSum) = (Float(smoothing), Float(squaredSum))
    }
}
