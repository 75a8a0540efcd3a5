/// Adds the sum of each column to an accumulator: `accumulator[j] += sum over t of x[t, j]`; the
/// gradient of a bias.
///
/// Inputs: `x` `[t, n]`, `accumulator` `[1, n]` float32. Output: the accumulator, in place. The
/// order of the sum is fixed.
package struct ColumnSum: OperationWithoutGradient {
    package static let name = "ColumnSum"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].rows == 1 && inputs[1].columns == inputs[0].columns, "accumulator \(inputs[1]) does not fit \(inputs[0])")
        return [inputs[1]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(
            floatingPointOperations: Double(inputs[0].elementCount), bytesRead: Double(inputs.reduce(0) { $0 + $1.byteCount }),
            bytesWritten: Double(outputs[0].byteCount))
    }
    package var inPlaceInputs: [Int: Int] { [0: 1] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init()], outputs: [.init()], reduced: ["t"], accumulatorInput: 1)
    }
}
