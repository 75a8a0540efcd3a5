/// A float32 product of blocks without oneDNN: for machines that forbid run-time code, and for
/// layouts that oneDNN has no fast code for.
///
/// Columns of `b` are packed 32 at a time and stay in the nearest cache; four rows of `c` are
/// summed in registers.
final class SIMDProduct: BlockProduct {
    override var scratchByteCount: Int { shape.k * 32 * 4 }

    override func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 {
        let a = a.assumingMemoryBound(to: Float.self)
        let b = b.assumingMemoryBound(to: Float.self)
        let c = c.assumingMemoryBound(to: Float.self)
        let panel = scratch.assumingMemoryBound(to: Float.self)
        let rowStep = shape.transposesA ? 1 : shape.strideA
        let innerStep = shape.transposesA ? shape.strideA : 1
        var column = 0
        while column < shape.n {
            let width = min(32, shape.n - column)
            pack(b, panel, column, width)
            var row = 0
            while row < shape.m {
                let count = min(4, shape.m - row)
                // Rows past the end read the last one again and are not stored.
                let first = a + row * rowStep
                let second = a + (row + min(1, count - 1)) * rowStep
                let third = a + (row + min(2, count - 1)) * rowStep
                let fourth = a + (row + min(3, count - 1)) * rowStep
                var (s00, s01, s10, s11) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
                var (s20, s21, s30, s31) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
                var offset = 0
                for inner in 0..<shape.k {
                    let b0 = load(panel + inner * 32)
                    let b1 = load(panel + inner * 32 + 16)
                    let (a0, a1) = (Vector(repeating: first[offset]), Vector(repeating: second[offset]))
                    let (a2, a3) = (Vector(repeating: third[offset]), Vector(repeating: fourth[offset]))
                    offset += innerStep
                    s00 = s00.addingProduct(a0, b0)
                    s01 = s01.addingProduct(a0, b1)
                    s10 = s10.addingProduct(a1, b0)
                    s11 = s11.addingProduct(a1, b1)
                    s20 = s20.addingProduct(a2, b0)
                    s21 = s21.addingProduct(a2, b1)
                    s30 = s30.addingProduct(a3, b0)
                    s31 = s31.addingProduct(a3, b1)
                }
                let target = c + row * shape.strideC + column
                put(s00, s01, target, width)
                if count > 1 { put(s10, s11, target + shape.strideC, width) }
                if count > 2 { put(s20, s21, target + 2 * shape.strideC, width) }
                if count > 3 { put(s30, s31, target + 3 * shape.strideC, width) }
                row += 4
            }
            column += 32
        }
        return 0
    }

    private func pack(_ b: UnsafePointer<Float>, _ panel: UnsafeMutablePointer<Float>, _ column: Int, _ width: Int) {
        if width < 32 { panel.update(repeating: 0, count: shape.k * 32) }
        if shape.transposesB {
            for j in 0..<width {
                let source = b + (column + j) * shape.strideB
                for inner in 0..<shape.k { panel[inner * 32 + j] = source[inner] }
            }
        } else {
            for inner in 0..<shape.k { (panel + inner * 32).update(from: b + inner * shape.strideB + column, count: width) }
        }
    }

    @inline(__always) private func put(_ low: Vector, _ high: Vector, _ target: UnsafeMutablePointer<Float>, _ width: Int) {
        putHalf(low, target, min(16, width))
        if width > 16 { putHalf(high, target + 16, width - 16) }
    }

    @inline(__always) private func putHalf(_ sum: Vector, _ target: UnsafeMutablePointer<Float>, _ width: Int) {
        if width == 16 {
            store(shape.accumulates ? load(target) + sum : sum, target)
        } else {
            storePart(shape.accumulates ? loadPart(target, width) + sum : sum, target, width)
        }
    }
}
