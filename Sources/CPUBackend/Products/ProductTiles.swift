/// How the outputs of a product are cut into tiles; by its sizes alone, so that results do not depend on the number of threads.
struct ProductTiles {
    let (height, width): (Int, Int)
    /// Tiles one below the other, and side by side.
    let (down, across): (Int, Int)
    let (lastHeight, lastWidth): (Int, Int)
    var count: Int { down * across }

    /// Each tile packs its part of a transposed `b`, which costs much beside the product of fewer rows than this.
    private static let packedOnceHeight = 128

    /// Which operand a tile should be reluctant to read again.
    enum Preference {
        case none
        /// Wide tiles: `a` is read from memory once for each tile across, and oneDNN reads it slowly where `b` is transposed.
        case wide
        /// Tall tiles: a tile's part of `b` is widened first, once for each tile down.
        case tall
    }

    init(m: Int, n: Int, k: Int, _ preference: Preference) {
        var height = Self.cut(m, preference == .tall ? 512 : 256)
        var width = Self.cut(n, preference == .wide ? 768 : 256)
        // More tiles than most machines have threads, as long as each has some ten microseconds to do and keeps a shape that oneDNN
        // computes at full speed.
        while true {
            let count = (m + height - 1) / max(1, height) * ((n + width - 1) / max(1, width))
            let work = 2 * height * width * k
            guard count < 16, work > 6_000_000, height * width > 16_384 || count < 6 else {
                // A few threads at least.
                guard count < 4, work > 1_500_000 else { break }
                if width > 64, width >= height {
                    width = Self.cut(width, (width + 1) / 2)
                } else if height > 32 {
                    height = Self.cut(height, (height + 1) / 2)
                } else {
                    break
                }
                continue
            }
            if width > 64, preference == .tall || (width >= height && (preference != .wide || height <= Self.packedOnceHeight)) {
                width = Self.cut(width, (width + 1) / 2)
            } else if height > 32 {
                height = Self.cut(height, (height + 1) / 2)
            } else if width > 32 {
                width = Self.cut(width, (width + 1) / 2)
            } else {
                break
            }
        }
        (self.height, self.width) = (height, width)
        down = height == 0 ? 0 : (m + height - 1) / height
        across = width == 0 ? 0 : (n + width - 1) / width
        lastHeight = m - max(0, down - 1) * height
        lastWidth = n - max(0, across - 1) * width
    }

    /// Equal parts of at most `limit`, rounded up to whole vectors.
    private static func cut(_ size: Int, _ limit: Int) -> Int {
        let parts = max(1, (size + limit - 1) / max(1, limit))
        let part = (size + parts - 1) / parts
        return min(size, (part + 15) / 16 * 16)
    }
}
