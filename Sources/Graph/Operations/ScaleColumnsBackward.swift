/// The gradient of ``ScaleColumns`` with respect to its magnitudes, added to an accumulator:
/// `accumulator[j] += sum over t of dy[t, j] * x[t, j] * inverses[j]`.
///
/// Inputs: `dy` and `x` `[t, n]`, `inverses` and `accumulator` `[1, n]` float32. Output: the
/// accumulator, in place. The order of the sum is fixed, whatever the number of threads.
package struct ScaleColumnsBackward: OperationWithoutGradient {
    package static let name = "ScaleColumnsBackward"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "sizes of \(inputs) do not fit")
        try require(
            inputs[2] == inputs[3] && inputs[3].rows == 1 && inputs[3].columns == inputs[0].columns,
            "accumulator \(inputs[3]) does not fit \(inputs[0])")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(
            floatingPointOperations: 3 * Double(inputs[0].elementCount), bytesRead: Double(inputs.reduce(0) { $0 + $1.byteCount }),
            bytesWritten: Double(outputs[0].byteCount))
    }
    package var inPlaceInputs: [Int: Int] { [0: 3] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init(), .init()], outputs: [.init()], reduced: ["t"], accumulatorInput: 3)
    }
}
