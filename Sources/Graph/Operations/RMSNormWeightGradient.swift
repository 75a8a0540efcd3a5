/// The gradient of ``RMSNorm`` with respect to its weight, added to an accumulator: `accumulator[j]
/// += sum over rows and groups of dy * x * inverseRMS`.
///
/// Inputs: `dy` `[t, groupCount * width]`, `x` likewise, `inverseRMS` `[t, groupCount]`,
/// `accumulator` `[1, width]` float32. Output: the accumulator, in place. The order of the sum is
/// fixed, whatever the number of threads.
package struct RMSNormWeightGradient: OperationWithoutGradient {
    package static let name = "RMSNormWeightGradient"
    package var groupCount: Int

    package init(groupCount: Int = 1) { self.groupCount = groupCount }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[3].columns * groupCount == inputs[0].columns, "accumulator \(inputs[3]) does not fit \(inputs[0])")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(
            floatingPointOperations: 3 * Double(inputs[0].elementCount), bytesRead: Double(inputs.reduce(0) { $0 + $1.byteCount }),
            bytesWritten: Double(outputs[0].byteCount))
    }
    package var inPlaceInputs: [Int: Int] { [0: 3] }
    package var attributes: String { groupCount == 1 ? "" : "groups=\(groupCount)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init("t"), .init()], outputs: [.init()], reduced: ["t"], accumulatorInput: 3)
    }
}
