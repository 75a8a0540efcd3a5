import Tensors

/// One step of Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), as
/// PyTorch computes it.
///
/// With `g = factor * gradient`: `p *= 1 - rate * weightDecay`; `m = beta1 * m + (1 - beta1) * g`;
/// `v = beta2 * v + (1 - beta2) * g²`; `p -= rate / correction1 * m / (sqrt(v) /
/// sqrt(correction2) + epsilon)`, where `correction = 1 - betaᵗ`. The gradient is set to zero for
/// the next step's sums. If the norm is not finite nothing but the gradient is changed: the host
/// sees the norm and stops. Inputs: `parameter`, `gradient`, `firstMoment`, `secondMoment` (one
/// shape, float32), `clip` `[1, 2]` (norm, factor), `scalars` `[1, 4]` float32 (rate, correction1,
/// correction2, unused). Outputs: the first four, in place.
package struct AdamW: OperationWithoutGradient {
    package static let name = "AdamW"
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    package var weightDecay: Float

    package init(beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 6)
        try require(
            Set(inputs.prefix(4)).count == 1 && inputs[0].elementType == .float32, "parameter and state differ: \(inputs.prefix(4))")
        return Array(inputs.prefix(4))
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(14, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0, 1: 1, 2: 2, 3: 3] }
    package var attributes: String { "beta1=\(beta1) beta2=\(beta2) epsilon=\(epsilon) weightDecay=\(weightDecay)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let page = Partition.OperandAxes("t")
        return Partition(inputs: [page, page, page, page, .init(), .init()], outputs: [page, page, page, page])
    }
}
