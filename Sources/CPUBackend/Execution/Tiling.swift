/// How an element-by-element kernel is cut into tiles of some 16 thousand elements.
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

    init(rows: Int, columns: Int, isContiguous: Bool) {
        let isFlat = isContiguous && columns < Self.tileElements
        self.rows = isFlat ? min(1, rows) : rows
        self.columns = isFlat ? rows * columns : columns
        columnsPerTile = min(max(1, self.columns), Self.tileElements)
        rowsPerTile = max(1, Self.tileElements / columnsPerTile)
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
        rowsPerBlock = max(1, 16_384 / max(1, columns))
    }

    func rows(of block: Int) -> Range<Int> { block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock) }
}
