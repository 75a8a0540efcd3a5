import Tensors

/// The gradients of ``ClampedGate``: with `f(g) = g * sigmoid(alpha * g)` they are `dGate = dy * (u
/// + 1) * f'(g)` where the gate is not above the limit, and `dUp = dy * f(g)` where `up` is not
/// beyond it; elsewhere zero.
///
/// Inputs: `dy`, `gate`, `up` of one type. Outputs: `dGate`, `dUp` of that type.
package struct ClampedGateBackward: OperationWithoutGradient {
    package static let name = "ClampedGateBackward"
    package var shape: ClampedGateShape

    package init(_ shape: ClampedGateShape) { self.shape = shape }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(
            inputs[0] == inputs[1] && inputs[1] == inputs[2] && inputs[0].elementType.isFloatingPoint, "operands \(inputs) differ")
        return [inputs[1], inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(16, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 1, 1: 2] }
    package var attributes: String { shape.attributes }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }
}
