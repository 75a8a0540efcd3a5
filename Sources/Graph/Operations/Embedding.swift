package import Quantization
package import Tensors

/// Row `tokens[t]` of a table, times a factor: `y[t, :] = scale * table[tokens[t], :]`.
///
/// Inputs: `table` `[vocabulary, features]`, `tokens` `[t, 1]` int32. Output: `[t, features]` of
/// `outputType`. A piece of a split table holds the rows from `firstRow` on; output rows of tokens
/// outside the piece are left as they are. A frozen table may lie in the blocks of a GGUF file:
/// then it is `[vocabulary, bytes of a row]` uint8.
package struct Embedding: Operation {
    package static let name = "Embedding"
    package var scale: Float
    package var outputType: ElementType
    package var firstRow: Int
    /// The blocks in which the table lies; nil where it is numbers.
    package var blocks: BlockFormat?

    package init(scale: Float = 1, outputType: ElementType = .float32, firstRow: Int = 0, blocks: BlockFormat? = nil) {
        self.blocks = blocks
        self.scale = scale
        self.outputType = outputType
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].elementType == .int32 && inputs[1].columns == 1, "tokens are \(inputs[1]), not [t, 1] int32")
        guard let blocks else { return [TensorType(rows: inputs[1].rows, columns: inputs[0].columns, outputType)] }
        try require(
            inputs[0].elementType == .uint8 && inputs[0].columns % blocks.blockByteCount == 0,
            "the table is \(inputs[0]), not rows of \(blocks.rawValue) blocks of \(blocks.blockByteCount) bytes")
        let columns = inputs[0].columns / blocks.blockByteCount * blocks.blockLength
        return [TensorType(rows: inputs[1].rows, columns: columns, outputType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        let rowBytes = Double(inputs[0].columns * inputs[0].elementType.byteCount)
        return Cost(
            floatingPointOperations: Double(outputs[0].elementCount), bytesRead: Double(inputs[1].rows) * rowBytes,
            bytesWritten: Double(outputs[0].byteCount))
    }

    package var attributes: String {
        (scale == 1 ? "" : "scale=\(scale)") + (firstRow == 0 ? "" : " firstRow=\(firstRow)") + (blocks.map { " \($0.rawValue)" } ?? "")
    }

    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        return Partition(inputs: [.init("v"), .init("t")], outputs: [.init("t")]) { axis, range, _ in
            guard axis == "v" else { return nil }
            var piece = operation
            piece.firstRow += range.lowerBound
            return piece
        }
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        let (scale, tokens) = (scale, node.inputs[1])
        try context.contribute(to: node.inputs[0]) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "Embedding of a computed table") }
            return try context.add(EmbeddingBackward(scale: scale), [gradient, tokens, addend])[0]
        }
    }
}
