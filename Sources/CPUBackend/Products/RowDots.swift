import COneDNN
import CProducts
import Glibc

/// Scalar products of some rows with some rows of a weight, each in one order whatever is computed
/// beside it: sixteen partial sums in ascending order by fused multiply-adds, then their sum by
/// halves.
///
/// With AVX-512 the tiles are those of `row_dots.c`, which give the same bits.
enum RowDots {
    /// Sixteen numbers of a weight as float32.
    protocol Element {
        static var byteCount: Int { get }
        static func load(_ address: UnsafeRawPointer) -> Vector
        /// The first `count` of them, zeros behind; no more is read.
        static func loadPart(_ address: UnsafeRawPointer, _ count: Int) -> Vector
        /// The tiles in C.
        static func multiply(
            _ shape: UnsafePointer<tala_row_dots>, _ x: UnsafePointer<Float>, _ w: UnsafeRawPointer, _ sums: UnsafeMutablePointer<Float>)
    }
    enum Single: Element {
        static var byteCount: Int { 4 }
        @inline(__always) static func load(_ address: UnsafeRawPointer) -> Vector { address.loadUnaligned(as: Vector.self) }
        @inline(__always) static func loadPart(_ address: UnsafeRawPointer, _ count: Int) -> Vector {
            tala_load_part(address.assumingMemoryBound(to: Float.self), count)
        }
        @inline(__always) static func multiply(
            _ shape: UnsafePointer<tala_row_dots>, _ x: UnsafePointer<Float>, _ w: UnsafeRawPointer, _ sums: UnsafeMutablePointer<Float>
        ) { tala_row_dots_float32(shape, x, w.assumingMemoryBound(to: Float.self), sums) }
    }
    enum BFloat16: Element {
        static var byteCount: Int { 2 }
        @inline(__always) static func load(_ address: UnsafeRawPointer) -> Vector { tala_load_bfloat16(address) }
        @inline(__always) static func loadPart(_ address: UnsafeRawPointer, _ count: Int) -> Vector {
            var halves = SIMD16<UInt16>(repeating: 0)
            return withUnsafeMutableBytes(of: &halves) { bytes in
                guard let start = bytes.baseAddress else { return .zero }
                memcpy(start, address, count * 2)
                return tala_load_bfloat16(start)
            }
        }
        @inline(__always) static func multiply(
            _ shape: UnsafePointer<tala_row_dots>, _ x: UnsafePointer<Float>, _ w: UnsafeRawPointer, _ sums: UnsafeMutablePointer<Float>
        ) { tala_row_dots_widened(shape, x, w.assumingMemoryBound(to: UInt16.self), sums) }
    }

    /// Whether the tiles in C are used: where these kernels are compiled for processors with
    /// AVX-512.
    @inline(__always) static var isInC: Bool { tala_kernel_level() >= 4 }

    /// `sums[i, j] = x[i] · w[j]`.
    /// - Parameters:
    ///   - stride: from row to row of `x`, in numbers.
    ///   - step: from row to row of the weight, in numbers.
    ///   - sumsStride: from row to row of the sums, in numbers.
    static func multiply<E: Element>(
        _ type: E.Type, _ x: UnsafePointer<Float>, stride: Int, rows: Int, _ w: UnsafeRawPointer, step: Int, columns: Int, _ k: Int,
        _ sums: UnsafeMutablePointer<Float>, sumsStride: Int
    ) {
        if isInC {
            var shape = tala_row_dots(
                rows: Int64(rows), columns: Int64(columns), k: Int64(k), x_stride: Int64(stride), w_stride: Int64(step),
                sums_stride: Int64(sumsStride))
            withUnsafePointer(to: &shape) { E.multiply($0, x, w, sums) }
            return
        }
        let bytes = step * E.byteCount
        var column = 0
        while column < columns {
            let first = w + column * bytes
            // What is past the end reads the last again and is not stored.
            let last = min(3, columns - column - 1)
            let four = (first, first + min(1, last) * bytes, first + min(2, last) * bytes, first + last * bytes)
            var row = 0
            while row < rows {
                let target = sums + row * sumsStride + column
                if rows - row == 1 {
                    put(oneByFour(type, x + row * stride, four, k), last + 1, target)
                } else {
                    let two = (x + row * stride, x + (row + 1) * stride)
                    let (low, high) = (twoByTwo(type, two, (four.0, four.1), k), twoByTwo(type, two, (four.2, four.3), k))
                    put(low.lowHalf, high.lowHalf, last + 1, target)
                    put(low.highHalf, high.highHalf, last + 1, target + sumsStride)
                }
                row += 2
            }
            column += 4
        }
    }

    @inline(__always) private static func put(_ sums: SIMD4<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
        for index in 0..<count { target[index] = sums[index] }
    }

    @inline(__always)
    private static func put(_ low: SIMD2<Float>, _ high: SIMD2<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
        put(SIMD4(lowHalf: low, highHalf: high), count, target)
    }

    /// One row with four.
    @inline(__always)
    private static func oneByFour<E: Element>(
        _ type: E.Type, _ x: UnsafePointer<Float>, _ w: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), _ k: Int
    ) -> SIMD4<Float> {
        var (s0, s1, s2, s3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var i = 0
        while i + 16 <= k {
            let a = load(x + i)
            let byte = i * E.byteCount
            s0 = s0.addingProduct(a, E.load(w.0 + byte))
            s1 = s1.addingProduct(a, E.load(w.1 + byte))
            s2 = s2.addingProduct(a, E.load(w.2 + byte))
            s3 = s3.addingProduct(a, E.load(w.3 + byte))
            i += 16
        }
        if i < k {
            let rest = k - i
            let a = tala_load_part(x + i, rest)
            let byte = i * E.byteCount
            s0 = s0.addingProduct(a, E.loadPart(w.0 + byte, rest))
            s1 = s1.addingProduct(a, E.loadPart(w.1 + byte, rest))
            s2 = s2.addingProduct(a, E.loadPart(w.2 + byte, rest))
            s3 = s3.addingProduct(a, E.loadPart(w.3 + byte, rest))
        }
        return SIMD4(s0.total, s1.total, s2.total, s3.total)
    }

    /// Two rows with two, the first row's sums first: as many sums as AVX2's registers hold beside
    /// what is multiplied.
    @inline(__always)
    private static func twoByTwo<E: Element>(
        _ type: E.Type, _ x: (UnsafePointer<Float>, UnsafePointer<Float>), _ w: (UnsafeRawPointer, UnsafeRawPointer), _ k: Int
    ) -> SIMD4<Float> {
        var (s00, s01, s10, s11) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var i = 0
        while i + 16 <= k {
            let byte = i * E.byteCount
            let (w0, w1) = (E.load(w.0 + byte), E.load(w.1 + byte))
            let (x0, x1) = (load(x.0 + i), load(x.1 + i))
            s00 = s00.addingProduct(x0, w0)
            s01 = s01.addingProduct(x0, w1)
            s10 = s10.addingProduct(x1, w0)
            s11 = s11.addingProduct(x1, w1)
            i += 16
        }
        if i < k {
            let rest = k - i
            let byte = i * E.byteCount
            let (w0, w1) = (E.loadPart(w.0 + byte, rest), E.loadPart(w.1 + byte, rest))
            let (x0, x1) = (tala_load_part(x.0 + i, rest), tala_load_part(x.1 + i, rest))
            s00 = s00.addingProduct(x0, w0)
            s01 = s01.addingProduct(x0, w1)
            s10 = s10.addingProduct(x1, w0)
            s11 = s11.addingProduct(x1, w1)
        }
        return SIMD4(s00.total, s01.total, s10.total, s11.total)
    }

    /// The same with a weight of float16, where ``isInC``.
    static func multiplyHalves(
        _ x: UnsafePointer<Float>, stride: Int, rows: Int, _ w: UnsafeRawPointer, step: Int, columns: Int, _ k: Int,
        _ sums: UnsafeMutablePointer<Float>, sumsStride: Int
    ) {
        var shape = tala_row_dots(
            rows: Int64(rows), columns: Int64(columns), k: Int64(k), x_stride: Int64(stride), w_stride: Int64(step),
            sums_stride: Int64(sumsStride))
        withUnsafePointer(to: &shape) { tala_row_dots_halves($0, x, w.assumingMemoryBound(to: UInt16.self), sums) }
    }

    /// The same with both sides in bfloat16, in the processor's own instruction.
    static func multiplyPairs(
        _ x: UnsafeRawPointer, stride: Int, rows: Int, _ w: UnsafeRawPointer, step: Int, columns: Int, _ k: Int,
        _ sums: UnsafeMutablePointer<Float>, sumsStride: Int
    ) {
        var shape = tala_row_dots(
            rows: Int64(rows), columns: Int64(columns), k: Int64(k), x_stride: Int64(stride), w_stride: Int64(step),
            sums_stride: Int64(sumsStride))
        withUnsafePointer(to: &shape) {
            tala_row_dots_bfloat16($0, x.assumingMemoryBound(to: UInt16.self), w.assumingMemoryBound(to: UInt16.self), sums)
        }
    }
}
