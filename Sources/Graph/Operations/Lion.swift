import Tensors

/// One step of Lion with decoupled weight decay (Chen and others 2023, arXiv:2302.06675).
///
/// With `g = factor * gradient`: `p = p * (1 - rate * weightDecay) - rate * sign(beta1 * m + (1 -
/// beta1) * g)`, where `sign(0)` is 0, and `m = beta2 * m + (1 - beta2) * g` afterwards. The
/// gradient is set to zero for the next step's sums. If the norm is not finite nothing but the
/// gradient is changed: the host sees the norm and stops. Inputs: `parameter`, `gradient`,
/// `momentum` (one shape, float32), `clip` `[1, 2]` (norm, factor), `scalars` `[1, n]` float32,
/// whose first number is the rate. Outputs: the first three, in place.
package struct Lion: OperationWithoutGradient {
    package static let name = "Lion"
    package var beta1: Float
    package var beta2: Float
    package var weightDecay: Float

    package init(beta1: Float, beta2: Float, weightDecay: Float) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.weightDecay = weightDecay
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 5)
        try require(
            Set(inputs.prefix(3)).count == 1 && inputs[0].elementType == .float32, "parameter and state differ: \(inputs.prefix(3))")
        return Array(inputs.prefix(3))
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(10, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0, 1: 1, 2: 2] }
    package var attributes: String { "beta1=\(beta1) beta2=\(beta2) weightDecay=\(weightDecay)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let page = Partition.OperandAxes("t")
        return Partition(inputs: [page, page, page, .init(), .init()], outputs: [page, page, page])
    }
}
