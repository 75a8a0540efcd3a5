import Tensors

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864), in the half-split layout of most
/// Hugging Face checkpoints or in the paper's pairs.
///
/// In each head of width `headWidth`, for `i < rotaryWidth / 2`, with `(c, s) = (table[row, i],
/// table[row, rotaryWidth / 2 + i])`: `y[i] = x[i] * c - x[i + rotaryWidth / 2] * s`, `y[i +
/// rotaryWidth / 2] = x[i + rotaryWidth / 2] * c + x[i] * s`; with `isInterleaved` the pairs are
/// `x[2 i]` and `x[2 i + 1]`. Columns from `rotaryWidth` on are copied. `isInverse` uses `-s`: the
/// transposed map, which is the gradient. Inputs: `x` `[t, heads * headWidth]`, `table`
/// `[positions, rotaryWidth]` float32 (cosines, then sines), `rows` `[t, 1]` int32, the table's row
/// for each token (its position; a second set of factors stands behind the first). Output: as `x`.
package struct RotaryEmbedding: Operation {
    package static let name = "RotaryEmbedding"
    package var headWidth: Int
    package var isInverse: Bool
    package var isInterleaved: Bool

    package init(headWidth: Int, isInverse: Bool = false, isInterleaved: Bool = false) {
        self.headWidth = headWidth
        self.isInverse = isInverse
        self.isInterleaved = isInterleaved
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(headWidth > 0 && inputs[0].columns % headWidth == 0, "\(inputs[0]) has no whole number of heads of \(headWidth)")
        try require(inputs[1].columns <= headWidth && inputs[1].columns % 2 == 0, "table \(inputs[1]) does not fit heads of \(headWidth)")
        try require(inputs[2].rows == inputs[0].rows, "rows \(inputs[2]) do not fit \(inputs[0])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(3, [inputs[0]], outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { "headWidth=\(headWidth)" + (isInterleaved ? " interleaved" : "") + (isInverse ? " inverse" : "") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init(), .init("t")], outputs: [.init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        var inverse = self
        inverse.isInverse.toggle()
        let rotated = try context.add(inverse, [gradient, node.inputs[1], node.inputs[2]])[0]
        try context.contribute(to: node.inputs[0], rotated)
    }
}
