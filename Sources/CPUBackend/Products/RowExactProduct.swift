import Graph

/// `c = scale * x * Wᵀ + addend` by ``RowSums``: weights are read once for all rows, and no bit of
/// a row depends on the others.
final class RowExactProductKernel: Kernel {
    private let sums: RowSums

    init(x: Matrix, weights: RowSums.Weights, addend: Matrix?, c: Matrix, scale: Float = 1, products: ProductLibrary) {
        sums = RowSums(x: x, weights: weights, addend: addend, c: c, scale: scale, sharingRows: c.rows, products: products)
        super.init()
    }

    override var phaseCount: Int { sums.phaseCount }
    override var takesNeighbours: Bool { true }
    override var sharedByteCount: Int { sums.sharedByteCount }
    override var scratchByteCount: Int { sums.scratchByteCount }

    override func blockCount(_ phase: Int) -> Int {
        if sums.prepares(phase) { return sums.x.rows }
        return sums.c.rows == 0 ? 0 : (sums.c.columns + RowSums.width - 1) / RowSums.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if sums.prepares(phase) { return sums.prepare(row: block, workspace) }
        let columns = block * RowSums.width..<min(sums.c.columns, (block + 1) * RowSums.width)
        sums.run(0..<sums.c.rows, columns, firstWeight: 0, workspace)
    }
}
