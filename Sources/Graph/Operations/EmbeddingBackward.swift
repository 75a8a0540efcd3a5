import Tensors

/// Adds each token's gradient to its row of the table's gradient: `accumulator[tokens[t], :] +=
/// scale * dy[t, :]`, tokens in ascending order.
///
/// Inputs: `dy` `[t, features]`, `tokens` `[t, 1]` int32, `accumulator` `[vocabulary, features]`
/// float32. Output: the accumulator, in place. The sum of each element runs over tokens in order,
/// so the result does not depend on the number of threads. A piece of a split accumulator holds the
/// rows from `firstRow` on; tokens outside the piece are skipped.
package struct EmbeddingBackward: OperationWithoutGradient {
    package static let name = "EmbeddingBackward"
    package var scale: Float
    package var firstRow: Int

    package init(scale: Float = 1, firstRow: Int = 0) {
        self.scale = scale
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[2].columns, "sizes of \(inputs) do not fit")
        return [inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        let bytes = Double(inputs[0].elementCount * 4)
        return Cost(
            floatingPointOperations: 2 * Double(inputs[0].elementCount), bytesRead: Double(inputs[0].byteCount) + bytes, bytesWritten: bytes
        )
    }

    package var inPlaceInputs: [Int: Int] { [0: 2] }
    package var attributes: String { (scale == 1 ? "" : "scale=\(scale)") + (firstRow == 0 ? "" : " firstRow=\(firstRow)") }

    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        // Cutting tokens keeps their order: pieces run one after the other and each adds to the
        // accumulator.
        return Partition(inputs: [.init("t"), .init("t"), .init("v")], outputs: [.init("v")]) { axis, range, _ in
            guard axis == "v" else { return nil }
            var piece = operation
            piece.firstRow += range.lowerBound
            return piece
        }
    }
}
