/// How an element-by-element kernel is cut into tiles of some 16 thousand elements, or fewer where
/// it says so.
///
/// Operands without gaps are one long row, so that short rows cost nothing at their ends.
struct Tiling {
    let rows: Int
    let columns: Int
    private let rowsPerTile: Int
    private let columnsPerTile: Int
    private let tilesAcross: Int
    let count: Int

    static let tileElements = 16_384
    /// What is worth another thread's time: some microseconds.
    static let leastElements = 2_048

    /// Elements of a tile of which there are so many: few are shared among threads, too.
    static func elements(of count: Int) -> Int { min(tileElements, max(leastElements, (count / 4 + 63) / 64 * 64)) }

    /// - Parameter tileElements: where sums of tiles are kept, a number that does not follow from
    ///   the operands.
    init(rows: Int, columns: Int, isContiguous: Bool, tileElements: Int = Self.tileElements) {
        let isFlat = isContiguous && columns < Self.tileElements
        self.rows = isFlat ? min(1, rows) : rows
        self.columns = isFlat ? rows * columns : columns
        columnsPerTile = min(max(1, self.columns), tileElements)
        rowsPerTile = max(1, tileElements / columnsPerTile)
        tilesAcross = self.columns == 0 ? 0 : (self.columns + columnsPerTile - 1) / columnsPerTile
        count = tilesAcross * ((self.rows + rowsPerTile - 1) / rowsPerTile)
    }

    func rows(of tile: Int) -> Range<Int> {
        let start = tile / tilesAcross * rowsPerTile
        return start..<min(rows, start + rowsPerTile)
    }

    func columns(of tile: Int) -> Range<Int> {
        let start = tile % tilesAcross * columnsPerTile
        return start..<min(columns, start + columnsPerTile)
    }
}

/// How a kernel that treats whole rows is cut: some rows a block.
struct RowBlocks {
    let rows: Int
    let rowsPerBlock: Int
    var count: Int { (rows + rowsPerBlock - 1) / rowsPerBlock }

    init(rows: Int, columns: Int) {
        self.rows = rows
        rowsPerBlock = max(1, Tiling.tileElements / max(1, columns))
    }

    func rows(of block: Int) -> Range<Int> { block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock) }
}
