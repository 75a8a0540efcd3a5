import Tensors

/// `y[t, j] = x[t, j] * magnitudes[j] * inverses[j]`: columns with lengths of their own, as DoRA
/// has them (Liu et al. 2024, arXiv:2402.09353).
///
/// Inputs: `x` `[t, n]`, `magnitudes` and `inverses` `[1, n]` float32. Output: as `x`. There is a
/// gradient for `x` and for the magnitudes; the inverses count as constants.
package struct ScaleColumns: Operation {
    package static let name = "ScaleColumns"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        let vector = TensorType(rows: 1, columns: inputs[0].columns, .float32)
        try require(inputs[1] == vector && inputs[2] == vector, "factors \(inputs[1]) and \(inputs[2]) do not fit \(inputs[0])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(2, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init(), .init()], outputs: [.init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let (x, magnitudes, inverses) = (node.inputs[0], node.inputs[1], context.saved(node.inputs[2]))
        if context.needsGradient(x) {
            try context.contribute(to: x, context.add(ScaleColumns(), [gradient, context.saved(magnitudes), inverses])[0])
        }
        try context.contribute(to: magnitudes) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "ScaleColumns by computed magnitudes") }
            return try context.add(ScaleColumnsBackward(), [gradient, context.saved(x), inverses, addend])[0]
        }
    }
}
