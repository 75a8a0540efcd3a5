import Tensors

/// The gradient of ``ShortConvolution`` for its input: `dx[i, c] = sum over j of weight[c, taps - 1
/// - j] * dy[i + j, c]`, over the rows `i + j` that see row `i`.
///
/// Inputs: `dy` `[t, n]`, `weight` `[n, taps]`, `queryRanges` `[t, 2]` int32 as of
/// ``AttentionBackward``. Output: as `dy`.
package struct ShortConvolutionBackward: OperationWithoutGradient {
    package static let name = "ShortConvolutionBackward"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(ShortConvolution.fits(weight: inputs[1], inputs[0]), "the weight is \(inputs[1]) for \(inputs[0])")
        try require(inputs[2] == TensorType(rows: inputs[0].rows, columns: 2, .int32), "query ranges are \(inputs[2])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        .elementwise(2 * Double(inputs[1].columns), inputs, outputs)
    }
}
