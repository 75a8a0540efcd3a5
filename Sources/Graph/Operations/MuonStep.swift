import Tensors

/// A step of Muon with decoupled weight decay: `p = p * (1 - rate * weightDecay) - rate * scale *
/// x`, with `x` the direction made orthogonal.
///
/// If the norm is not finite nothing is changed. Inputs: `parameter`, `x` (one shape, float32),
/// `clip` `[1, 2]` (norm, factor), `scalars` `[1, n]`, whose first number is the rate. Output: the
/// parameter, in place.
package struct MuonStep: OperationWithoutGradient {
    package static let name = "MuonStep"
    package var scale: Float
    package var weightDecay: Float

    package init(scale: Float, weightDecay: Float) {
        self.scale = scale
        self.weightDecay = weightDecay
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[0] == inputs[1] && inputs[0].elementType == .float32, "parameter and step differ: \(inputs.prefix(2))")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(4, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { "scale=\(scale) weightDecay=\(weightDecay)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let page = Partition.OperandAxes("t")
        return Partition(inputs: [page, page, .init(), .init()], outputs: [page])
    }
}
