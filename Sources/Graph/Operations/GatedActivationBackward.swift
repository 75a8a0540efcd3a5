import Tensors

/// The gradients of ``GatedActivation``: `dGate = dy * up * f'(gate)`, `dUp = dy * f(gate)`.
///
/// Inputs: `dy`, `gate`, `up` of one type. Outputs: `dGate`, `dUp` of that type.
public struct GatedActivationBackward: Operation {
    public static let name = "GatedActivationBackward"
    public var function: ActivationFunction

    public init(_ function: ActivationFunction) { self.function = function }

    public func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[0] == inputs[1] && inputs[1] == inputs[2], "operands \(inputs) differ")
        return [inputs[1], inputs[2]]
    }

    public func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(12, inputs, outputs) }
    public var inPlaceInputs: [Int: Int] { [0: 1, 1: 2] }
    public var attributes: String { function.rawValue }
    public func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }
}
