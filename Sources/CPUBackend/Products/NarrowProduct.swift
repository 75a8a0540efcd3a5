import COneDNN
import Tensors

/// A float32 product with few columns: adapters of rank 8, small heads, where oneDNN's wide tiles
/// stand half empty.
///
/// Eight rows of `c` are summed in registers of 8 or 16 numbers.
final class NarrowProduct: BlockProduct {
    static func suits(_ shape: BlockProductShape) -> Bool {
        shape.inputType == .float32 && (shape.n <= 8 ? shape.k <= 2_048 : shape.n <= 16 && shape.m <= 128 && shape.k <= 128)
    }

    /// The columns of `b`, each row filled up to a whole vector.
    override var scratchByteCount: Int { shape.k * 16 * 4 }

    override func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 {
        let a = a.assumingMemoryBound(to: Float.self)
        let b = b.assumingMemoryBound(to: Float.self)
        let c = c.assumingMemoryBound(to: Float.self)
        let packed = scratch.assumingMemoryBound(to: Float.self)
        let width = shape.n <= 8 ? 8 : 16
        if shape.transposesB {
            for inner in 0..<shape.k {
                for column in 0..<width { packed[inner * width + column] = column < shape.n ? b[column * shape.strideB + inner] : 0 }
            }
        } else {
            for inner in 0..<shape.k { storePart(loadPart(b + inner * shape.strideB, shape.n), packed + inner * width, width) }
        }
        if width == 8 {
            multiply(SIMD8<Float>.self, a, packed, width, c, columns: shape.n)
        } else if tala_kernel_level() >= 4 {
            multiply(SIMD16<Float>.self, a, packed, width, c, columns: shape.n)
        } else {
            // Eight rows of sixteen sums are all registers of AVX2, and leave none for what is
            // multiplied.
            multiply(SIMD8<Float>.self, a, packed, width, c, columns: 8)
            multiply(SIMD8<Float>.self, a, packed + 8, width, c + 8, columns: shape.n - 8)
        }
        return 0
    }

    /// - Parameter width: numbers from row to row of the packed `b`.
    @inline(__always)
    private func multiply<Numbers: SIMD & BitwiseCopyable>(
        _ type: Numbers.Type, _ a: UnsafePointer<Float>, _ packed: UnsafePointer<Float>, _ width: Int, _ c: UnsafeMutablePointer<Float>,
        columns: Int
    ) where Numbers.Scalar == Float {
        let rowStep = shape.transposesA ? 1 : shape.strideA
        let innerStep = shape.transposesA ? shape.strideA : 1
        var row = 0
        while row < shape.m {
            let last = min(7, shape.m - 1 - row)
            // Rows past the end read the last one again and are not stored.
            let p0 = a + row * rowStep
            let (p1, p2, p3) = (p0 + min(1, last) * rowStep, p0 + min(2, last) * rowStep, p0 + min(3, last) * rowStep)
            let (p4, p5) = (p0 + min(4, last) * rowStep, p0 + min(5, last) * rowStep)
            let (p6, p7) = (p0 + min(6, last) * rowStep, p0 + last * rowStep)
            var (s0, s1, s2, s3) = (Numbers(repeating: 0), Numbers(repeating: 0), Numbers(repeating: 0), Numbers(repeating: 0))
            var (s4, s5, s6, s7) = (Numbers(repeating: 0), Numbers(repeating: 0), Numbers(repeating: 0), Numbers(repeating: 0))
            var offset = 0
            for inner in 0..<shape.k {
                let b = UnsafeRawPointer(packed + inner * width).loadUnaligned(as: Numbers.self)
                s0 = sumWithProduct(s0, Numbers(repeating: p0[offset]), b)
                s1 = sumWithProduct(s1, Numbers(repeating: p1[offset]), b)
                s2 = sumWithProduct(s2, Numbers(repeating: p2[offset]), b)
                s3 = sumWithProduct(s3, Numbers(repeating: p3[offset]), b)
                s4 = sumWithProduct(s4, Numbers(repeating: p4[offset]), b)
                s5 = sumWithProduct(s5, Numbers(repeating: p5[offset]), b)
                s6 = sumWithProduct(s6, Numbers(repeating: p6[offset]), b)
                s7 = sumWithProduct(s7, Numbers(repeating: p7[offset]), b)
                offset += innerStep
            }
            let target = c + row * shape.strideC
            put(s0, target, columns)
            if last >= 1 { put(s1, target + shape.strideC, columns) }
            if last >= 2 { put(s2, target + 2 * shape.strideC, columns) }
            if last >= 3 { put(s3, target + 3 * shape.strideC, columns) }
            if last >= 4 { put(s4, target + 4 * shape.strideC, columns) }
            if last >= 5 { put(s5, target + 5 * shape.strideC, columns) }
            if last >= 6 { put(s6, target + 6 * shape.strideC, columns) }
            if last >= 7 { put(s7, target + 7 * shape.strideC, columns) }
            row += 8
        }
    }

    @inline(__always) private func put<Numbers: SIMD>(_ sums: Numbers, _ target: UnsafeMutablePointer<Float>, _ columns: Int)
    where Numbers.Scalar == Float {
        var whole = Vector.zero
        if let eight = sums as? SIMD8<Float> { whole.lowHalf = eight } else if let sixteen = sums as? Vector { whole = sixteen }
        storePart(shape.accumulates ? loadPart(target, columns) + whole : whole, target, columns)
    }
}
