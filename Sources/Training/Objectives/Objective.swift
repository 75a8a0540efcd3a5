package import Datasets
package import Graph
package import JSON
package import Manifest
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

    /// The objective with what a manifest says of its method.
    func configured(by specification: any Manifest.MethodSpecification) -> any Objective

    /// Which records make samples, and how.
    var purpose: DatasetOptions.Purpose { get }

    /// Sets what reading the data must know beside ``purpose``.
    func adjust(_ options: inout DatasetOptions)

    /// The objective for the data that a job trains on and is measured on.
    /// - Parameter classes: the names of the data's classes, where it has labels.
    /// - Throws: ``TrainingError`` where the settings do not go with the data.
    func fitted(to training: Dataset, validation: Dataset?, classes: [String]) throws(TrainingError) -> any Objective

    /// The head that takes the place of the one over the vocabulary; nil: none.
    /// - Parameter seed: draws its first values.
    func taskHead(seed: UInt64) -> TaskHead?

    /// Rows of hidden states that the loss looks at in a sample, at most.
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
    /// ``rowInputs``: no more than ``lossRowCount(of:)`` says. An input may have fewer numbers than
    /// rows, one for each group of rows.
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

    /// Figures that only this objective has, each a column of `metrics.csv`.
    var columns: [String] { get }

    /// Further columns, of training batches alone: parts of their loss.
    var batchColumns: [String] { get }

    /// Tensors that the loss needs beside the model's.
    var keptTensors: [PersistentTensor] { get }

    /// The figures of ``columns``; nil where nothing was measured.
    func figures(_ measures: Measures) -> [Double?]

    /// The measure by which a result that is read back must be what was trained.
    var replayed: String { get }
}

extension Objective {
    package var name: String { Self.name }
    package var rowWeights: [(name: String, width: Int)] { [] }
    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective { self }
    package func adjust(_ options: inout DatasetOptions) {}
    package func fitted(to training: Dataset, validation: Dataset?, classes: [String]) throws(TrainingError) -> any Objective { self }
    package func taskHead(seed: UInt64) -> TaskHead? { nil }
    package var columns: [String] { [] }
    package var batchColumns: [String] { [] }
    package var keptTensors: [PersistentTensor] { [] }
    package func figures(_ measures: Measures) -> [Double?] { Self.means(of: columns, in: measures) }
    /// The columns that a training batch has.
    var stepColumns: [String] { columns + batchColumns }
    /// Their figures.
    func stepFigures(_ measures: Measures) -> [Double?] { figures(measures) + Self.means(of: batchColumns, in: measures) }

    private static func means(of names: [String], in measures: Measures) -> [Double?] {
        names.map { measures[$0].weight > 0 ? measures[$0].mean : nil }
    }
    package var replayed: String { Measures.loss }
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
