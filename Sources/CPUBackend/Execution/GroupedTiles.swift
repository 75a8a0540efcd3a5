/// The rows of each group, which are known when a program runs, in tiles of some rows.
///
/// However rows fall into groups, there are at most ``count`` tiles: as many blocks as a kernel
/// has; those that are not needed find no rows.
struct GroupedTiles {
    private let offsets: Matrix
    private let groupCount: Int
    private let height: Int
    private let rowCount: Int
    let count: Int

    /// - Parameters:
    ///   - offsets: `[groups + 1, 1]` int32.
    ///   - height: rows of a tile at most.
    init(_ offsets: Matrix, rowCount: Int, height: Int) {
        (self.offsets, self.height, self.rowCount) = (offsets, max(1, height), rowCount)
        groupCount = max(0, offsets.rows - 1)
        count = rowCount / self.height + min(groupCount, rowCount)
    }

    /// The rows of a group. Whatever the offsets are, they are rows that there are.
    @inline(__always) func rows(of group: Int) -> Range<Int> {
        let first = max(0, min(rowCount, Int(offsets.integers(group)[0])))
        return first..<max(first, min(rowCount, Int(offsets.integers(group + 1)[0])))
    }

    /// The group of a tile and its rows; nil where there are fewer tiles.
    func tile(_ index: Int) -> (group: Int, rows: Range<Int>)? {
        var before = 0
        for group in 0..<groupCount {
            let rows = rows(of: group)
            let tiles = (rows.count + height - 1) / height
            if index < before + tiles {
                let first = rows.lowerBound + (index - before) * height
                return (group, first..<min(rows.upperBound, first + height))
            }
            before += tiles
        }
        return nil
    }
}
