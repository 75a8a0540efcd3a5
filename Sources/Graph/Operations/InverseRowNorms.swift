import Tensors

/// One over the length of each row of `W + scale * B A`, without that matrix: `y[o] = 1 / sqrt(
/// squares[o] + sum over k of B[o, k] * (2 * scale * p[k, o] + scale² * h[o, k]))`, 0 where the
/// root is of nothing.
///
/// Inputs: `squares` `[1, n]` float32, the sums of squares of the rows of `W` `[n, m]`; `p` `[r,
/// n]` float32, `A Wᵀ`; `b` `[n, r]`; `h` `[n, r]` float32, `B (A Aᵀ)`. Output: `[1, n]` float32.
/// It counts as a constant in the backward pass, as the lengths in DoRA do (Liu et al. 2024,
/// arXiv:2402.09353, section 4.3).
package struct InverseRowNorms: OperationWithoutGradient {
    package static let name = "InverseRowNorms"
    package var scale: Float

    package init(scale: Float) { self.scale = scale }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        let (rows, rank) = (inputs[0].columns, inputs[1].rows)
        try require(
            inputs[0] == TensorType(rows: 1, columns: rows, .float32) && inputs[1] == TensorType(rows: rank, columns: rows, .float32),
            "squares \(inputs[0]) and products \(inputs[1]) do not fit")
        try require(
            inputs[2].rows == rows && inputs[2].columns == rank && inputs[2].elementType.isFloatingPoint
                && inputs[3] == TensorType(rows: rows, columns: rank, .float32),
            "factors \(inputs[2]) and \(inputs[3]) do not fit \(inputs[1])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        .elementwise(5 * Double(inputs[1].rows) + 8, inputs, outputs)
    }
    package var attributes: String { "scale=\(scale)" }
    package var stopsGradients: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init(nil, "n"), .init(nil, "n"), .init("n"), .init("n")], outputs: [.init(nil, "n")])
    }
}
