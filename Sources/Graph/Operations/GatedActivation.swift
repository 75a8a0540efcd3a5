import Tensors

/// The gate of a gated linear unit (Shazeer 2020, arXiv:2002.05202): `y = f(gate) * up`, element by
/// element.
///
/// Inputs: `gate`, `up` `[t, n]` of one element type. Output: as `gate`.
package struct GatedActivation: Operation {
    package static let name = "GatedActivation"
    package var function: ActivationFunction

    package init(_ function: ActivationFunction) { self.function = function }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0] == inputs[1], "gate \(inputs[0]) and up \(inputs[1]) differ")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(6, inputs, outputs) }
    package var attributes: String { function.rawValue }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let (gate, up) = (context.saved(node.inputs[0]), context.saved(node.inputs[1]))
        let gradients = try context.add(GatedActivationBackward(function), [gradient, gate, up])
        try context.contribute(to: node.inputs[0], gradients[0])
        try context.contribute(to: node.inputs[1], gradients[1])
    }
}
