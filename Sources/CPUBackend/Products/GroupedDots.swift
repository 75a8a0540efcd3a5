import Graph

/// `c = scale * x * W(g)ᵀ + addend` by ``RowSums``: a group's weight is read once for all of its
/// rows, weights of groups without rows are not, and no bit of a row depends on the others.
final class GroupedDotsKernel: Kernel {
    private let sums: RowSums
    private let tiles: GroupedTiles
    private let outputs: Int

    init(_ operation: GroupedProduct, _ rows: (any PartedRows)?, _ operands: KernelOperands) {
        let x = operands.inputs[0]
        outputs = operation.outputs
        tiles = GroupedTiles(operands.inputs[2], rowCount: x.rows, height: max(1, x.rows))
        // How many rows a group has is known when it runs: few, as a rule.
        sums = RowSums(
            x: x, weights: rows.map { RowSums.Weights.stored($0) } ?? .matrix(operands.inputs[1]),
            addend: operation.hasAddend ? operands.inputs[3] : nil,
            c: operands.outputs[0], scale: operation.scale, sharingRows: 1, products: operands.products)
        super.init()
    }

    private var across: Int { (outputs + RowSums.width - 1) / RowSums.width }

    override var phaseCount: Int { sums.phaseCount }
    override var sharedByteCount: Int { sums.sharedByteCount }
    override var scratchByteCount: Int { sums.scratchByteCount }

    override func blockCount(_ phase: Int) -> Int {
        // No more groups have rows than there are rows.
        sums.prepares(phase) ? sums.x.rows : tiles.count * across
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if sums.prepares(phase) { return sums.prepare(row: block, workspace) }
        guard let (group, rows) = tiles.tile(block / across) else { return }
        let first = block % across * RowSums.width
        sums.run(rows, first..<min(outputs, first + RowSums.width), firstWeight: group * outputs, workspace)
    }
}
