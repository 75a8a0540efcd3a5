/// The gradient of
/// ``LayerNorm`` with respect to its weight, added to an accumulator: `accumulator[j] += sum over
/// rows of dy * (x - m) * r`.
///
/// Inputs: `dy` `[t, n]`, `x` likewise, `statistics` `[t, 2]` float32 (`m`, `r`), `accumulator`
/// `[1, n]` float32. Output: the accumulator, in place. The order of the sum is fixed, whatever the
/// number of threads. The gradient of the bias is a ``ColumnSum``.
package struct LayerNormWeightGradient: OperationWithoutGradient {
    package static let name = "LayerNormWeightGradient"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "dy \(inputs[0]) and x \(inputs[1]) differ")
        try require(inputs[2].rows == inputs[1].rows && inputs[2].columns == 2, "statistics \(inputs[2]) do not fit \(inputs[1])")
        try require(inputs[3].columns == inputs[0].columns, "accumulator \(inputs[3]) does not fit \(inputs[0])")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(
            floatingPointOperations: 4 * Double(inputs[0].elementCount), bytesRead: Double(inputs.reduce(0) { $0 + $1.byteCount }),
            bytesWritten: Double(outputs[0].byteCount))
    }
    package var inPlaceInputs: [Int: Int] { [0: 3] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init("t"), .init()], outputs: [.init()], reduced: ["t"], accumulatorInput: 3)
    }
}
