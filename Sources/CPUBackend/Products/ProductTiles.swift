import Glibc

/// How the outputs of a product are cut into tiles: by its sizes and the machine's processors,
/// never by the number of threads that happen to run.
struct ProductTiles {
    let (height, width): (Int, Int)
    /// Tiles one below the other, and side by side.
    let (down, across): (Int, Int)
    let (lastHeight, lastWidth): (Int, Int)
    var count: Int { down * across }

    /// Each tile packs its part of a transposed `b`, which costs much beside the product of fewer
    /// rows than this.
    private static let packedOnceHeight = 128

    /// Which operand a tile should be reluctant to read again.
    enum Preference {
        case none
        /// Wide tiles: `a` is read from memory once for each tile across, and oneDNN reads it
        /// slowly where `b` is transposed.
        case wide
        /// Tall tiles: a tile's part of `b` is widened first, once for each tile down.
        case tall
    }

    /// What a large tile costs beside its arithmetic: as much as the products of so many more rows,
    /// which is the packing of its part of `b`, and of so many more columns, which is that of `a`.
    /// Measured with one thread and weights that come from memory.
    struct Packing {
        let (rows, columns): (Double, Double)
        /// Widths are multiples of this.
        let columnStep: Int

        /// oneDNN, fitted to its products of bfloat16: 388 GFLOP/s with 256 x 64, 446 with 256 x
        /// 96, 468 with 256 x 288, 484 with 1024 x 288.
        static let oneDNN = Packing(rows: 8, columns: 8, columnStep: 16)
        /// ``BFloat16Product``: 333 GFLOP/s with 64 rows, 409 with 128, 457 with 256, 485 with 512,
        /// 501 with 1,024, whatever the width (64 to 576).
        static let bfloat16 = Packing(rows: 32, columns: 2, columnStep: 32)
        /// The same with a transposed `a`, which is laid out anew: 443 GFLOP/s with 256 x 288, 467
        /// with 288 x 768.
        static let bfloat16Transposed = Packing(rows: 32, columns: 12, columnStep: 32)
    }

    init(m: Int, n: Int, k: Int, _ preference: Preference, packing: Packing = .oneDNN) {
        let isLarge = preference != .tall && m > 0 && n > 0 && Double(m) * Double(n) * Double(k) > 5e7
        (height, width) = isLarge ? Self.best(m, n, packing, processors: Self.processorCount) : Self.small(m, n, k, preference)
        down = height == 0 ? 0 : (m + height - 1) / height
        across = width == 0 ? 0 : (n + width - 1) / width
        lastHeight = m - max(0, down - 1) * height
        lastWidth = n - max(0, across - 1) * width
    }

    /// The processors that the machine has, whether or not this process may use them.
    private static let processorCount = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_CONF))))

    /// The tile of a large product by the speed that it lets all processors have. Processors that
    /// have no tile in the last turn wait, and the fewer tiles there are, the longer all wait for a
    /// thread that was held up.
    static func best(_ m: Int, _ n: Int, _ packing: Packing, processors: Int) -> (height: Int, width: Int) {
        var best = (height: cut(m, 256), width: cut(n, 256))
        var bestSpeed = 0.0
        let fewestRows = (m + 1_023) / 1_024
        for factor in [1, 2, 3, 4, 6, 8, 12, 16] {
            let rows = fewestRows * factor
            let height = cut(m, (m + rows - 1) / rows)
            if height < 64, rows > 1 { break }
            let fewest = (n + 767) / 768
            let most = max(fewest, n / 96)
            for columns in stride(from: fewest, through: most, by: max(1, (most - fewest) / 16)) {
                let width = cut(n, (n + columns - 1) / columns, step: packing.columnStep)
                let count = (m + height - 1) / height * ((n + width - 1) / width)
                let turns = (count + processors - 1) / processors
                let share = Double(m) * Double(n) / (Double(turns * processors) * Double(height) * Double(width))
                let cost = 1 + packing.rows / Double(height) + packing.columns / Double(width)
                let speed = share / (cost + 0.06 * Double(processors) / Double(count))
                if speed > bestSpeed { (best, bestSpeed) = ((height, width), speed) }
            }
        }
        return best
    }

    /// More tiles than most machines have threads, as long as each has some ten microseconds to do
    /// and keeps a shape that is computed at full speed.
    private static func small(_ m: Int, _ n: Int, _ k: Int, _ preference: Preference) -> (height: Int, width: Int) {
        var height = cut(m, preference == .tall ? 512 : 256)
        var width = cut(n, preference == .wide ? 768 : 256)
        while true {
            let count = (m + height - 1) / max(1, height) * ((n + width - 1) / max(1, width))
            let work = 2 * height * width * k
            guard count < 16, work > 6_000_000, height * width > 16_384 || count < 6 else {
                // A few threads at least.
                guard count < 4, work > 1_500_000 else { return (height, width) }
                if width > 64, width >= height {
                    width = cut(width, (width + 1) / 2)
                } else if height > 32 {
                    height = cut(height, (height + 1) / 2)
                } else {
                    return (height, width)
                }
                continue
            }
            if width > 64, preference == .tall || (width >= height && (preference != .wide || height <= packedOnceHeight)) {
                width = cut(width, (width + 1) / 2)
            } else if height > 32 {
                height = cut(height, (height + 1) / 2)
            } else if width > 32 {
                width = cut(width, (width + 1) / 2)
            } else {
                return (height, width)
            }
        }
    }

    /// Equal parts of at most `limit`, rounded up to whole steps.
    private static func cut(_ size: Int, _ limit: Int, step: Int = 16) -> Int {
        let parts = max(1, (size + limit - 1) / max(1, limit))
        let part = (size + parts - 1) / parts
        return min(size, (part + step - 1) / step * step)
    }
}
