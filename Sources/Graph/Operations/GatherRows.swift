import Tensors

/// Picks rows: `y[r, :] = x[rows[r], :]`; a row number of -1 gives zeros.
///
/// Inputs: `x` `[t, n]`, `rows` `[r, 1]` int32, each -1 or a row of `x`, none but -1 twice. Output:
/// `[r, n]`. A piece of a split `x` holds the rows from `firstRow` on: output rows picked from
/// elsewhere are left as they are, and the first piece writes the zeros.
package struct GatherRows: Operation {
    package static let name = "GatherRows"
    package var firstRow: Int

    package init(firstRow: Int = 0) { self.firstRow = firstRow }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].elementType == .int32 && inputs[1].columns == 1, "rows are \(inputs[1]), not [r, 1] int32")
        return [TensorType(rows: inputs[1].rows, columns: inputs[0].columns, inputs[0].elementType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(0, outputs, outputs) }
    package var attributes: String { firstRow == 0 ? "" : "firstRow=\(firstRow)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        return Partition(inputs: [.init("t"), .init("r")], outputs: [.init("r")]) { axis, range, _ in
            guard axis == "t" else { return nil }
            var piece = operation
            piece.firstRow += range.lowerBound
            return piece
        }
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        let operation = ScatterRows(rowCount: context.type(of: node.inputs[0]).rows)
        try context.contribute(to: node.inputs[0], context.add(operation, [gradient, node.inputs[1]])[0])
    }
}
