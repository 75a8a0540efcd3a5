import Tensors

/// The gradient of ``SliceRows``: `dx[start + r, :] = dy[r, :] + addend[start + r, :]`, in all
/// other rows the addend alone, or zero where there is none.
///
/// Inputs: `dy` `[count, n]`, optionally `addend` `[rowCount, n]` of the same element type. Output:
/// `dx` `[rowCount, n]`.
/// A piece of a split output holds the rows from `firstRow` on; rows of `dy` outside the piece are
/// skipped.
package struct SliceRowsBackward: OperationWithoutGradient {
    package static let name = "SliceRowsBackward"
    package var start: Int
    package var rowCount: Int
    package var hasAddend: Bool
    package var firstRow: Int

    package init(start: Int, rowCount: Int, hasAddend: Bool = false, firstRow: Int = 0) {
        self.start = start
        self.rowCount = rowCount
        self.hasAddend = hasAddend
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 2 : 1)
        let output = TensorType(rows: rowCount, columns: inputs[0].columns, inputs[0].elementType)
        if hasAddend { try require(inputs[1] == output, "the addend is \(inputs[1]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(hasAddend ? 1 : 0, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 1] : [:] }
    package var addendInput: Int? { hasAddend ? 1 : nil }
    package var attributes: String {
        "start=\(start) rowCount=\(rowCount)" + (firstRow == 0 ? "" : " firstRow=\(firstRow)") + (hasAddend ? " + addend" : "")
    }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        return Partition(inputs: [.init()] + (hasAddend ? [.init("t")] : []), outputs: [.init("t")]) { _, range, _ in
            var piece = operation
            piece.firstRow += range.lowerBound
            piece.rowCount = range.count
            return piece
        }
    }
}
