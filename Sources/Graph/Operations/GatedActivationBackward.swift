import Tensors

/// The gradients of ``GatedActivation``: `dGate = dy * up * f'(gate)`, `dUp = dy * f(gate)`.
///
/// Inputs: `dy`, `gate`, `up` of one type. Outputs: `dGate`, `dUp` of that type.
package struct GatedActivationBackward: OperationWithoutGradient {
    package static let name = "GatedActivationBackward"
    package var function: ActivationFunction

    package init(_ function: ActivationFunction) { self.function = function }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[0] == inputs[1] && inputs[1] == inputs[2], "operands \(inputs) differ")
        return [inputs[1], inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(12, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 1, 1: 2] }
    package var attributes: String { function.rawValue }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }
}
