import Tensors

/// `y = a * b`, element by element. Inputs: `a` and `b` of one type. Output: of that type.
package struct Multiply: Operation {
    package static let name = "Multiply"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0] == inputs[1] && inputs[0].elementType.isFloatingPoint, "operands \(inputs) differ")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        for (input, other) in [(0, 1), (1, 0)] where context.needsGradient(node.inputs[input]) {
            let factor = try context.factor(node.inputs[other])
            try context.contribute(to: node.inputs[input], context.add(Multiply(), [gradient, factor])[0])
        }
    }
}
