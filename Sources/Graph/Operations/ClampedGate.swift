import Tensors

/// How a clamped gate bends and cuts what it multiplies.
package struct ClampedGateShape: Sendable, Hashable {
    /// The factor within the sigmoid.
    package var alpha: Float
    /// Gates are cut above this, what they multiply also below its negative.
    package var limit: Float

    package init(alpha: Float, limit: Float) { (self.alpha, self.limit) = (alpha, limit) }

    var attributes: String { "alpha=\(alpha) limit=\(limit)" }
}

/// The gate of GPT-OSS's experts (OpenAI 2025, arXiv:2508.10925): with `g = min(gate, limit)` and
/// `u = max(-limit, min(up, limit))` the result is `(u + 1) * g * sigmoid(alpha * g)`, element by
/// element.
///
/// Inputs: `gate`, `up` `[t, n]` of one element type. Output: as `gate`.
package struct ClampedGate: Operation {
    package static let name = "ClampedGate"
    package var shape: ClampedGateShape

    package init(_ shape: ClampedGateShape) { self.shape = shape }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0] == inputs[1] && inputs[0].elementType.isFloatingPoint, "gate \(inputs[0]) and up \(inputs[1]) differ")
        try require(shape.limit > 0, "the limit is \(shape.limit)")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(10, inputs, outputs) }
    package var attributes: String { shape.attributes }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let (gate, up) = (context.saved(node.inputs[0]), context.saved(node.inputs[1]))
        let gradients = try context.add(ClampedGateBackward(shape), [gradient, gate, up])
        try context.contribute(to: node.inputs[0], gradients[0])
        try context.contribute(to: node.inputs[1], gradients[1])
    }
}
