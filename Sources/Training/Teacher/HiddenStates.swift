import Datasets
import Graph
import JSON
import Models
import Tensors

/// No loss: the hidden states of the rows that another objective's loss looks at, as float32.
struct HiddenStates: Objective {
    static let name = "hidden states"
    /// `[rows, features]` float32.
    static let output = "hiddenStates"

    var purpose: DatasetOptions.Purpose { .supervised }
    func lossRowCount(of size: SampleSize) -> Int { size.trainedTokenCount }
    func weight(of sample: Sample) -> Double { 0 }
    var rowInputs: [String] { [] }
    func addRows(of sample: Sample, at firstRows: [Int], to rows: inout LossRows) {}

    func addLoss(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> ValueID? {
        let states =
            graph.type(of: pass.hidden).elementType == .float32
            ? pass.hidden : try graph.add(Convert(to: .float32), [pass.hidden], names: ["states"])[0]
        graph.markOutput(states, Self.output)
        return nil
    }

    func measures(of batch: PackedBatch, reading read: (_ output: String, _ count: Int) throws -> [Float]) -> Measures { Measures() }
    func report(_ measures: Measures) -> JSONNode { nil }
}
