import Tensors

/// `y = x / max(sqrt(sum), 1e-7)`: a matrix of the norm 1, where `sum` is that of its squares.
///
/// Inputs: `x` `[m, n]` float32, `sum` `[1, 1]` float32. Output: as `x`.
package struct Normalize: OperationWithoutGradient {
    package static let name = "Normalize"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0].elementType == .float32 && inputs[1] == TensorType(rows: 1, columns: 1, .float32), "operands \(inputs)")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init()], outputs: [.init("t")])
    }
}
