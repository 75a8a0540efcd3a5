package import Datasets
package import Graph
package import JSON
package import Models

/// What a job trains for: which samples its records make, what their loss is, and what is measured
/// on the way.
///
/// A batch's samples lie packed behind one another; the model computes a hidden state for every
/// token. An objective picks the rows of hidden states that its loss looks at, adds the loss over
/// them to the graph together with its gradient, and reads what came of it as sums that add up over
/// micro-batches (``Measures``).
package protocol Objective: Sendable {
    /// The word for it: `method.type` of a manifest.
    static var name: String { get }

    /// Which records make samples, and how.
    var purpose: DatasetOptions.Purpose { get }

    /// Rows of hidden states that the loss looks at in a sample.
    func lossRowCount(of size: SampleSize) -> Int

    /// What a sample counts in the mean over a batch: the sum of all losses is divided by the sum
    /// of these.
    func weight(of sample: Sample) -> Double

    /// The names of what the host writes for each row of the loss: `[rows, 1]` int32, -1 in rows
    /// that fill up.
    var rowInputs: [String] { get }

    /// The names and widths of further numbers that the host writes for each row of the loss:
    /// `[rows, width]` float32, zero in rows that fill up.
    var rowWeights: [(name: String, width: Int)] { get }

    /// Lists the rows that the loss looks at in a sample, with their inputs in the order of
    /// ``rowInputs``: as many as ``lossRowCount(of:)`` says.
    /// - Parameter firstRows: for each run of the sample the row of its first token.
    func addRows(of sample: Sample, at firstRows: [Int], to rows: inout LossRows)

    /// Adds the loss of the gathered rows to a graph, and marks as outputs what
    /// ``measures(of:reading:)`` reads.
    /// - Returns: in training the gradient of the gathered hidden states, of the loss divided by
    ///   the batch's weight; nil in evaluation.
    func addLoss(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> ValueID?

    /// What a micro-batch that ran has given.
    /// - Parameter read: reads an output of so many float32 numbers.
    func measures(of batch: PackedBatch, reading read: (_ output: String, _ count: Int) throws -> [Float]) throws -> Measures

    /// The measures of the whole validation set, as a result reports them.
    func report(_ measures: Measures) -> JSONNode
}

extension Objective {
    package var name: String { Self.name }
    package var rowWeights: [(name: String, width: Int)] { [] }
}

/// The rows of a packed batch that its loss looks at, with what the host writes for each.
package struct LossRows: Sendable {
    package var rows: [Int32] = []
    /// For each of ``Objective/rowInputs`` one number a row.
    package var inputs: [[Int32]]
    /// For each of ``Objective/rowWeights`` its width's numbers a row.
    package var weights: [[Float]]

    init(_ objective: any Objective) {
        inputs = Array(repeating: [], count: objective.rowInputs.count)
        weights = Array(repeating: [], count: objective.rowWeights.count)
    }
}

/// What a loss is made of.
package struct LossPass {
    /// `[rows, features]`: the hidden states that the objective has picked.
    package var hidden: ValueID
    /// The end of the model's forward pass: the head and what belongs to it.
    package var forward: ForwardPass
    package var model: LanguageModel
    package var isTraining: Bool
    /// Rows of the head's product that may exist at one time.
    package var chunkRows: Int

    /// The gradient sum of a trained tensor, to which a program adds; nil in evaluation, or where
    /// the tensor is not trained.
    package func accumulator(of key: String?, in graph: inout Graph) -> (value: ValueID, key: String)? {
        guard isTraining, let key, let tensor = model.trainables.tensor(of: key, .gradient) else { return nil }
        return (graph.persistent(tensor), tensor.key)
    }
}
