import Tensors

/// The curve of a feed-forward layer without a gate: `y = f(x)`, element by element.
///
/// Input: `x` `[t, n]`. Output: as `x`.
package struct Activation: Operation {
    package static let name = "Activation"
    package var function: ActivationFunction

    package init(_ function: ActivationFunction) { self.function = function }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(5, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { function.rawValue }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let x = context.saved(node.inputs[0])
        try context.contribute(to: node.inputs[0], context.add(ActivationBackward(function), [gradient, x])[0])
    }
}
