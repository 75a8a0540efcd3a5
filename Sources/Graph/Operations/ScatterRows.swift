import Tensors

/// Puts rows in their places: `y[rows[r], :] = x[r, :]`, for every `r` whose row number is not -1.
///
/// Inputs: `x` `[r, n]`, `rows` `[r, 1]` int32 (no row number but -1 occurs twice), with `hasBase`
/// also `base` `[rowCount, n]`. Output: `[rowCount, n]`; the rows that are not named are zero, or
/// those of `base`, in whose memory the output is written. A piece of a split output holds the rows
/// from `firstRow` on; row numbers outside the piece are skipped.
package struct ScatterRows: Operation {
    package static let name = "ScatterRows"
    package var rowCount: Int
    package var hasBase: Bool
    package var firstRow: Int

    package init(rowCount: Int, hasBase: Bool = false, firstRow: Int = 0) {
        self.rowCount = rowCount
        self.hasBase = hasBase
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasBase ? 3 : 2)
        try require(inputs[1].rows == inputs[0].rows && inputs[1].elementType == .int32, "rows are \(inputs[1]) for \(inputs[0])")
        let output = TensorType(rows: rowCount, columns: inputs[0].columns, inputs[0].elementType)
        if hasBase { try require(inputs[2] == output, "the base is \(inputs[2]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(0, [inputs[0]], hasBase ? [inputs[0]] : outputs) }
    package var inPlaceInputs: [Int: Int] { hasBase ? [0: 2] : [:] }
    package var attributes: String { "rowCount=\(rowCount)" + (hasBase ? " base" : "") + (firstRow == 0 ? "" : " firstRow=\(firstRow)") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        let inputAxes: [Partition.OperandAxes] = [.init(), .init()] + (hasBase ? [.init("t")] : [])
        return Partition(inputs: inputAxes, outputs: [.init("t")]) { _, range, _ in
            var piece = operation
            piece.firstRow += range.lowerBound
            piece.rowCount = range.count
            return piece
        }
    }

    /// The gradient of what is put in places is what stands in those places afterwards. A base has
    /// none: its gradient would need zeros there.
    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        try context.contribute(to: node.inputs[0], context.add(GatherRows(), [gradient, node.inputs[1]])[0])
    }
}
