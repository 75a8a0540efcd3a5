/// How the outputs of a product are cut into tiles; by its sizes alone, so that results do not depend on the number of threads.
struct ProductTiles {
    let (height, width): (Int, Int)
    /// Tiles one below the other, and side by side.
    let (down, across): (Int, Int)
    let (lastHeight, lastWidth): (Int, Int)
    var count: Int { down * across }

    /// - Parameter convertsB: the tile's part of `b` is widened first, which pays for tall tiles.
    init(m: Int, n: Int, k: Int, convertsB: Bool) {
        var height = Self.cut(m, convertsB ? 512 : 256)
        var width = Self.cut(n, 256)
        // More tiles than most machines have threads, as long as each has some ten microseconds to do.
        while (m + height - 1) / max(1, height) * ((n + width - 1) / max(1, width)) < 24, 2 * height * width * k > 6_000_000 {
            if width > 64, width >= height || convertsB {
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
