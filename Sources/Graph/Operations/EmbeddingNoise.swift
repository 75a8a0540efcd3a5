import Tensors

/// Adds uniform noise to the embeddings of each example's tokens (NEFTune, Jain et al. 2023,
/// arXiv:2310.05914): `y[t, :] = x[t, :] + alpha / sqrt(length * columns) * u`, with `u` between -1
/// and 1 and `length` the number of the example's tokens.
///
/// Element `e = (firstRow + row) * columns + column` draws a word of Philox as ``Dropout`` does,
/// and `u = (word / 2^8) / 2^23 - 1`, the word's upper 24 bits. The length is that between the
/// first row that a token sees and the end of those that see it. Inputs: `x` `[t, n]`, `keyRanges`
/// and `queryRanges` `[t, 2]` int32, `randomState` `[1, 4]` int32. Output: as `x`.
package struct EmbeddingNoise: Operation {
    package static let name = "EmbeddingNoise"
    package var alpha: Float
    package var stream: UInt32
    package var firstRow: Int

    package init(alpha: Float, stream: UInt32, firstRow: Int = 0) {
        self.alpha = alpha
        self.stream = stream
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        let ranges = TensorType(rows: inputs[0].rows, columns: 2, .int32)
        try require(inputs[1] == ranges && inputs[2] == ranges, "ranges are \(inputs[1]) and \(inputs[2]) for \(inputs[0])")
        try require(inputs[3].elementType == .int32 && inputs[3].elementCount == 4, "the random state is \(inputs[3])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(14, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { "alpha=\(alpha) stream=\(stream)" + (firstRow == 0 ? "" : " firstRow=\(firstRow)") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        return Partition(inputs: [.init("t"), .init("t"), .init("t"), .init()], outputs: [.init("t")]) { _, range, _ in
            var piece = operation
            piece.firstRow += range.lowerBound
            return piece
        }
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        try context.contribute(to: node.inputs[0], gradient)
    }
}
