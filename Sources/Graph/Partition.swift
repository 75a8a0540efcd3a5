/// How an operation may be run in pieces when an operand is too large for one buffer of the device.
///
/// Each operand's rows and columns are labelled with the axis of the iteration space that they run
/// over, as in Einstein's notation. Splitting an axis slices every operand along whichever of its
/// dimensions carries the label. A dimension without a label is never cut.
package struct Partition: Sendable {
    package struct OperandAxes: Sendable {
        package var rows: Character?
        package var columns: Character?

        package init(_ rows: Character? = nil, _ columns: Character? = nil) {
            self.rows = rows
            self.columns = columns
        }
    }
    package var inputs: [OperandAxes]
    package var outputs: [OperandAxes]
    /// Axes that are summed over: every piece but the first adds to what the pieces before it have
    /// left in the output.
    package var reduced: Set<Character> = []
    /// The input that every piece but the first of a reduced axis takes from the output: the sum so
    /// far. It may stand one past the inputs of the whole operation; then `operation` returns one
    /// that takes it.
    package var accumulatorInput: Int?
    /// The operation for the piece that covers `range` of an axis, where the operation must know it
    /// (an embedding's first row).
    package var operation: @Sendable (_ axis: Character, _ range: Range<Int>, _ isFirst: Bool) -> (any Operation)?

    package init(
        inputs: [OperandAxes], outputs: [OperandAxes], reduced: Set<Character> = [], accumulatorInput: Int? = nil,
        operation: @escaping @Sendable (_ axis: Character, _ range: Range<Int>, _ isFirst: Bool) -> (any Operation)? = { _, _, _ in nil }
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.reduced = reduced
        self.accumulatorInput = accumulatorInput
        self.operation = operation
    }

    /// For operations that treat each row alone: operands with as many rows as the first output are
    /// cut together, the others stay whole.
    static func byRows(inputs: [TensorType], outputs: [TensorType]) -> Partition {
        let rows = outputs.first?.rows ?? 0
        let axes = { (type: TensorType) in OperandAxes(type.rows == rows ? "t" : nil) }
        return Partition(inputs: inputs.map(axes), outputs: outputs.map(axes))
    }
}
