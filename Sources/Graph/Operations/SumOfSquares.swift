import Tensors

/// The sum of the squares of all elements, in a fixed order.
///
/// Inputs: `x` `[r, n]` float32, with `hasAddend` also a sum `[1, 1]` to add to. Output: `[1, 1]` float32.
public struct SumOfSquares: Operation {
    public static let name = "SumOfSquares"
    public var hasAddend: Bool

    public init(hasAddend: Bool = false) { self.hasAddend = hasAddend }

    public func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 2 : 1)
        return [TensorType(rows: 1, columns: 1, .float32)]
    }

    public func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(floatingPointOperations: 2 * Double(inputs[0].elementCount), bytesRead: Double(inputs[0].byteCount), bytesWritten: 4)
    }
    public var inPlaceInputs: [Int: Int] { hasAddend ? [0: 1] : [:] }
    public func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t")] + (hasAddend ? [.init()] : []), outputs: [.init()], reduced: ["t"], accumulatorInput: 1) {
            _, _, isFirst in
            isFirst ? nil : SumOfSquares(hasAddend: true)
        }
    }
}
