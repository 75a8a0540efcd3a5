import Tensors

/// `y[t, :] = x[t, :] + bias`. Inputs: `x` `[t, n]`, `bias` `[1, n]` of any floating type. Output:
/// as `x`.
package struct BiasAdd: Operation {
    package static let name = "BiasAdd"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].rows == 1 && inputs[1].columns == inputs[0].columns, "bias \(inputs[1]) does not fit \(inputs[0])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init()], outputs: [.init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        try context.contribute(to: node.inputs[0], gradient)
        guard context.needsGradient(node.inputs[1]) else { return }
        try context.contribute(to: node.inputs[1]) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "BiasAdd of a computed bias") }
            return try context.add(ColumnSum(), [gradient, addend])[0]
        }
    }
}
