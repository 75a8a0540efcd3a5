import Tensors

/// Multiplies each row by the weight that its token has given its expert: `y[places[t, j], :] =
/// weights[t, j] * x[places[t, j], :]`.
///
/// Inputs: `x` `[t * count, n]`, `weights` `[t, count]` float32, `places` `[t, count]` int32, each
/// of `0 ..< t * count` once (``ExpertOrder``). Output: as `x`.
///
/// A layer weights what goes into the last product of its experts, not what comes out: that is the
/// same sum, and the gradient of the weights then needs only what is narrower and easily computed
/// again.
package struct ExpertWeights: Operation {
    package static let name = "ExpertWeights"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[0].elementType.isFloatingPoint && inputs[1].elementType == .float32, "x and weights are \(inputs)")
        try require(
            inputs[1].elementCount == inputs[0].rows && inputs[2] == TensorType(rows: inputs[1].rows, columns: inputs[1].columns, .int32),
            "weights and places are \(inputs.dropFirst()) for \(inputs[0])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var isCheapToRecompute: Bool { true }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let x = try context.factor(node.inputs[0])
        let operands = [gradient, x, context.saved(node.inputs[1]), context.saved(node.inputs[2])]
        let gradients = try context.add(ExpertWeightsBackward(), operands)
        try context.contribute(to: node.inputs[0], gradients[0])
        try context.contribute(to: node.inputs[1], gradients[1])
    }
}
