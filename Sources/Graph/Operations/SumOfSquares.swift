import Tensors

/// The sum of the squares of all elements, in a fixed order.
///
/// Inputs: `x` `[r, n]` float32, with `hasAddend` also a sum `[1, 1]` to add to. Output: `[1, 1]`
/// float32.
package struct SumOfSquares: OperationWithoutGradient {
    package static let name = "SumOfSquares"
    package var hasAddend: Bool

    package init(hasAddend: Bool = false) { self.hasAddend = hasAddend }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 2 : 1)
        return [TensorType(rows: 1, columns: 1, .float32)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(floatingPointOperations: 2 * Double(inputs[0].elementCount), bytesRead: Double(inputs[0].byteCount), bytesWritten: 4)
    }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 1] : [:] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t")] + (hasAddend ? [.init()] : []), outputs: [.init()], reduced: ["t"], accumulatorInput: 1) {
            _, _, isFirst in
            isFirst ? nil : SumOfSquares(hasAddend: true)
        }
    }
}
