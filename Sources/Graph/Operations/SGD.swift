import Tensors

/// One step of gradient descent with momentum (Polyak 1964, doi:10.1016/0041-5553(64)90137-5), as
/// PyTorch computes it.
///
/// With `g = factor * gradient + weightDecay * p`: `m = momentum * m + g`; `p -= rate * m`, or with
/// Nesterov's form (Sutskever and others 2013) `p -= rate * (g + momentum * m)`. The gradient is
/// set to zero for the next step's sums. If the norm is not finite nothing but the gradient is
/// changed: the host sees the norm and stops. Inputs: `parameter`, `gradient`, `velocity` (one
/// shape, float32), `clip` `[1, 2]` (norm, factor), `scalars` `[1, n]` float32, whose first number
/// is the rate. Outputs: the first three, in place.
package struct SGD: OperationWithoutGradient {
    package static let name = "SGD"
    package var momentum: Float
    package var isNesterov: Bool
    package var weightDecay: Float

    package init(momentum: Float, isNesterov: Bool, weightDecay: Float) {
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.weightDecay = weightDecay
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 5)
        try require(
            Set(inputs.prefix(3)).count == 1 && inputs[0].elementType == .float32, "parameter and state differ: \(inputs.prefix(3))")
        return Array(inputs.prefix(3))
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(8, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0, 1: 1, 2: 2] }
    package var attributes: String { "momentum=\(momentum) weightDecay=\(weightDecay)" + (isNesterov ? " nesterov" : "") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let page = Partition.OperandAxes("t")
        return Partition(inputs: [page, page, page, .init(), .init()], outputs: [page, page, page])
    }
}
