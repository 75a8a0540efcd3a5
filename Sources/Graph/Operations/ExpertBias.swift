import Tensors

/// Adds to each row the bias of the expert that it belongs to: `y[p, :] = x[p, :] + bias[e, :]` for
/// the rows `p` from `offsets[e]` to `offsets[e + 1]`.
///
/// Inputs: `x` `[rows, n]`, `bias` `[experts, n]` of any floating type, `offsets` `[experts + 1,
/// 1]` int32, ascending from 0 to `rows` (``ExpertOrder``). Output: as `x`.
package struct ExpertBias: Operation {
    package static let name = "ExpertBias"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(
            inputs[0].elementType.isFloatingPoint && inputs[1].elementType.isFloatingPoint && inputs[1].rows > 0
                && inputs[1].columns == inputs[0].columns, "biases \(inputs[1]) do not fit \(inputs[0])")
        try require(inputs[2] == TensorType(rows: inputs[1].rows + 1, columns: 1, .int32), "offsets are \(inputs[2])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        try context.contribute(to: node.inputs[0], gradient)
        guard context.needsGradient(node.inputs[1]) else { return }
        let offsets = context.saved(node.inputs[2])
        try context.contribute(to: node.inputs[1]) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "ExpertBias of a computed bias") }
            return try context.add(ExpertBiasGradient(), [gradient, offsets, addend])[0]
        }
    }
}
