import Tensors

/// The momentum of Muon (Jordan et al. 2024), and the direction that follows from it.
///
/// With `g = factor * gradient`: `m = momentum * m + (1 - momentum) * g`; the direction is `m`, or
/// with Nesterov's form `momentum * m + (1 - momentum) * g`. The gradient is set to zero; if the
/// norm is not finite the momentum is left as it is, and the direction is zero. Inputs: `gradient`,
/// `momentum` (one shape, float32), `clip` `[1, 2]` (norm, factor). Outputs: `direction`, and both
/// states in place.
package struct MuonMomentum: OperationWithoutGradient {
    package static let name = "MuonMomentum"
    package var momentum: Float
    package var isNesterov: Bool

    package init(momentum: Float, isNesterov: Bool) {
        self.momentum = momentum
        self.isNesterov = isNesterov
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[0] == inputs[1] && inputs[0].elementType == .float32, "gradient and momentum differ: \(inputs.prefix(2))")
        return [inputs[0], inputs[0], inputs[1]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(7, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [1: 0, 2: 1] }
    package var attributes: String { "momentum=\(momentum)" + (isNesterov ? " nesterov" : "") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let page = Partition.OperandAxes("t")
        return Partition(inputs: [page, page, .init()], outputs: [page, page, page])
    }
}
