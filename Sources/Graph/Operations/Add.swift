import Tensors

/// `c = a + b`, element by element. Inputs: two of one shape; the output has the first one's
/// element type.
package struct Add: Operation {
    package static let name = "Add"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "operands \(inputs) differ")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        for input in node.inputs { try context.contribute(to: input, gradient) }
    }
}
