import Tensors

/// The gradient of ``Activation``: `dx = dy * f'(x)`. Inputs: `dy`, `x` of one type. Output: of
/// that type.
package struct ActivationBackward: OperationWithoutGradient {
    package static let name = "ActivationBackward"
    package var function: ActivationFunction

    package init(_ function: ActivationFunction) { self.function = function }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0] == inputs[1], "dy \(inputs[0]) and x \(inputs[1]) differ")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(9, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 1] }
    package var attributes: String { function.rawValue }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }
}
