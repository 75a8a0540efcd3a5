import Tensors

/// The gradient of ``ExpertBias`` for its biases: `accumulator[e, :] += ` the sum of `dy[p, :]`
/// over the rows `p` of expert `e`.
///
/// Inputs: `dy` `[rows, n]`, `offsets` `[experts + 1, 1]` int32 as of ``ExpertBias``, `accumulator`
/// `[experts, n]` float32. Output: the accumulator, in place. The order of sums is fixed.
package struct ExpertBiasGradient: OperationWithoutGradient {
    package static let name = "ExpertBiasGradient"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(
            inputs[0].elementType.isFloatingPoint && inputs[2].elementType == .float32 && inputs[2].rows > 0
                && inputs[2].columns == inputs[0].columns, "accumulator \(inputs[2]) does not fit \(inputs[0])")
        try require(inputs[1] == TensorType(rows: inputs[2].rows + 1, columns: 1, .int32), "offsets are \(inputs[1])")
        return [inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = Double(inputs[0].elementCount)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { [0: 2] }
}
