package import Tensors

/// The same numbers in another element type (rounded to nearest, ties to even); with the same type,
/// a copy.
///
/// Input: any floating matrix. Output: of `outputType`.
package struct Convert: Operation {
    package static let name = "Convert"
    package var outputType: ElementType

    package init(to outputType: ElementType) { self.outputType = outputType }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        return [TensorType(rows: inputs[0].rows, columns: inputs[0].columns, outputType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(0, inputs, outputs) }
    package var isConversion: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        try context.contribute(to: node.inputs[0], context.converted(gradient, to: context.type(of: node.inputs[0]).elementType))
    }
}
