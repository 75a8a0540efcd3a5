import Tensors

/// Adds sums over rows to an accumulator `[1, width]`: partial sums of fixed blocks of rows first,
/// then those in their order.
class ColumnSumKernel: Kernel {
    let accumulator: Matrix
    private let target: Matrix
    private let rows: Int
    private let rowsPerBlock: Int
    private let partialCount: Int
    private static let columnsPerBlock = 256

    /// At most this many partial sums for any number of rows.
    private static let partialLimit = 64

    init(rows: Int, accumulator: Matrix, target: Matrix) {
        self.rows = rows
        self.accumulator = accumulator
        self.target = target
        let columns = max(1, accumulator.columns)
        rowsPerBlock = max(16_384 / columns, (rows + Self.partialLimit - 1) / Self.partialLimit, 1)
        partialCount = (rows + rowsPerBlock - 1) / rowsPerBlock
    }

    override var phaseCount: Int { 2 }
    override var sharedByteCount: Int { partialCount * RowBuffer.byteCount(accumulator.columns) }
    override func blockCount(_ phase: Int) -> Int {
        phase == 0 ? partialCount : (accumulator.columns + Self.columnsPerBlock - 1) / Self.columnsPerBlock
    }

    /// Adds one row to `sums`.
    func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {}

    final override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let stride = RowBuffer.byteCount(accumulator.columns) / 4
        let partials = workspace.shared.assumingMemoryBound(to: Float.self)
        if phase == 0 {
            let sums = partials + block * stride
            sums.update(repeating: 0, count: accumulator.columns)
            for row in block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock) { add(row, to: sums, workspace) }
            return
        }
        let (source, result) = (accumulator.floats(0), target.floats(0))
        var i = block * Self.columnsPerBlock
        let end = min(accumulator.columns, i + Self.columnsPerBlock)
        while i + 16 <= end {
            var sum = Vector.zero
            for partial in 0..<partialCount { sum += load(partials + partial * stride + i) }
            store(load(source + i) + sum, result + i)
            i += 16
        }
        if i < end {
            var sum = Vector.zero
            for partial in 0..<partialCount { sum += loadPart(partials + partial * stride + i, end - i) }
            storePart(loadPart(source + i, end - i) + sum, result + i, end - i)
        }
    }
}
