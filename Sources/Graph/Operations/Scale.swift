import Tensors

/// `y = factor * x`, element by element. Input: any floating matrix. Output: as `x`.
package struct Scale: Operation {
    package static let name = "Scale"
    package var factor: Float

    package init(by factor: Float) { self.factor = factor }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { "factor=\(factor)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        try context.contribute(to: node.inputs[0], context.add(self, [gradient])[0])
    }
}
