package import Tensors

/// Row `tokens[t]` of a table, times a factor: `y[t, :] = scale * table[tokens[t], :]`.
///
/// Inputs: `table` `[vocabulary, features]`, `tokens` `[t, 1]` int32. Output: `[t, features]` of
/// `outputType`. A piece of a split table holds the rows from `firstRow` on; output rows of tokens
/// outside the piece are left as they are.
package struct Embedding: Operation {
    package static let name = "Embedding"
    package var scale: Float
    package var outputType: ElementType
    package var firstRow: Int

    package init(scale: Float = 1, outputType: ElementType = .float32, firstRow: Int = 0) {
        self.scale = scale
        self.outputType = outputType
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].elementType == .int32 && inputs[1].columns == 1, "tokens are \(inputs[1]), not [t, 1] int32")
        return [TensorType(rows: inputs[1].rows, columns: inputs[0].columns, outputType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        let rowBytes = Double(inputs[0].columns * inputs[0].elementType.byteCount)
        return Cost(
            floatingPointOperations: Double(outputs[0].elementCount), bytesRead: Double(inputs[1].rows) * rowBytes,
            bytesWritten: Double(outputs[0].byteCount))
    }

    package var attributes: String { (scale == 1 ? "" : "scale=\(scale)") + (firstRow == 0 ? "" : " firstRow=\(firstRow)") }

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
