import Graph
import Tensors

/// The output layer and its cross-entropy, in chunks of rows, so that logits are never held whole.
///
/// Only rows whose next token is trained come here: they are gathered from the hidden states first, which saves the head's product for all others.
/// In training each chunk gives its losses and its input gradient at once, and what a trained head weight receives.
struct HeadLoss {
    /// The stored weight `[vocabulary, features]`, in the hidden states' element type or one that the device mixes with it.
    var weight: ValueID
    var softCap: Float
    /// Rows of logits that exist at one time.
    var chunkRows: Int

    /// What the loss adds to a graph.
    struct Result {
        /// `[rows, 1]` float32 each: the loss of every row, and 1 where the target is the likeliest token.
        var losses: ValueID
        var correct: ValueID
        /// The gradient of the hidden states, in training.
        var hiddenGradient: ValueID?
        /// The head weight's gradient sum after all chunks, in training of that weight.
        var weightGradient: ValueID?
    }

    /// - Parameters:
    ///   - hidden: `[rows, features]`, one row a trained token.
    ///   - targets: `[rows, 1]` int32, -1 in rows that fill up.
    ///   - lossScale: `[1, 1]` float32: one over the number of trained tokens of the whole batch.
    ///   - accumulator: the gradient of a trained head weight.
    func add(
        to graph: inout Graph, hidden: ValueID, targets: ValueID, lossScale: ValueID, isTraining: Bool,
        accumulator: (value: ValueID, key: String)?
    ) throws(GraphError) -> Result {
        let type = graph.type(of: hidden)
        var losses: [ValueID] = []
        var correct: [ValueID] = []
        var gradients: [ValueID] = []
        var weightGradient = accumulator?.value
        var start = 0
        while start < type.rows {
            let count = min(chunkRows, type.rows - start)
            let rows = try graph.add(SliceRows(start: start, count: count), [hidden], names: ["hidden chunk"])[0]
            let chunkTargets = try graph.add(SliceRows(start: start, count: count), [targets], names: ["targets chunk"])[0]
            let logits = try graph.add(MatrixProduct(transposesB: true), [rows, weight], names: ["logits"])[0]
            let operation = CrossEntropy(softCap: softCap, gradientType: isTraining ? type.elementType : nil)
            let results = try graph.add(operation, [logits, chunkTargets, lossScale], names: ["losses", "correct", "d logits"])
            losses.append(results[0])
            correct.append(results[1])
            if isTraining {
                gradients.append(try graph.add(MatrixProduct(outputType: type.elementType), [results[2], weight], names: ["d hidden"])[0])
                if let accumulator, let sum = weightGradient {
                    let next = try graph.add(MatrixProduct(transposesA: true, hasAddend: true), [results[2], rows, sum])[0]
                    graph.store(next, into: accumulator.key)
                    weightGradient = next
                }
            }
            start += count
        }
        return Result(
            losses: try graph.add(ConcatenateRows(), losses, names: ["losses"])[0],
            correct: try graph.add(ConcatenateRows(), correct, names: ["correct"])[0],
            hiddenGradient: isTraining ? try graph.add(ConcatenateRows(), gradients, names: ["d hidden"])[0] : nil,
            weightGradient: accumulator == nil ? nil : weightGradient)
    }
}
