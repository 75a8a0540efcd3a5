import Tensors

/// The gradient of ``ShortConvolution`` for its weight: `accumulator[c, taps - 1 - j] += sum over i
/// of dy[i, c] * x[i - j, c]`, over the rows `i - j` that row `i` sees.
///
/// Inputs: `dy`, `x` `[t, n]` of one type, `keyRanges` `[t, 2]` int32, `accumulator` `[n, taps]`
/// float32. Output: the accumulator, in place. The order of sums is fixed.
package struct ShortConvolutionWeightGradient: OperationWithoutGradient {
    package static let name = "ShortConvolutionWeightGradient"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[0] == inputs[1], "dy \(inputs[0]) and x \(inputs[1]) differ")
        try require(inputs[2] == TensorType(rows: inputs[0].rows, columns: 2, .int32), "key ranges are \(inputs[2])")
        try require(
            inputs[3].elementType == .float32 && ShortConvolution.fits(weight: inputs[3], inputs[0]),
            "accumulator \(inputs[3]) does not fit \(inputs[0])")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 2 * Double(inputs[0].elementCount) * Double(inputs[3].columns)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { [0: 3] }
}
