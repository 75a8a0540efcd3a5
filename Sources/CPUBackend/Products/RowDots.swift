import COneDNN
import Glibc

/// Scalar products of some rows with some rows of a weight, each in one order whatever is computed
/// beside it: sixteen partial sums in ascending order by fused multiply-adds, then their sum by
/// halves.
enum RowDots {
    /// Sixteen numbers of a weight as float32.
    protocol Element {
        static var byteCount: Int { get }
        static func load(_ address: UnsafeRawPointer) -> Vector
        /// The first `count` of them, zeros behind; no more is read.
        static func loadPart(_ address: UnsafeRawPointer, _ count: Int) -> Vector
    }
    enum Single: Element {
        static var byteCount: Int { 4 }
        @inline(__always) static func load(_ address: UnsafeRawPointer) -> Vector { address.loadUnaligned(as: Vector.self) }
        @inline(__always) static func loadPart(_ address: UnsafeRawPointer, _ count: Int) -> Vector {
            tala_load_part(address.assumingMemoryBound(to: Float.self), count)
        }
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
    }

    /// One row with four: `sums[j] = x · w[j]`.
    @inline(__always)
    static func oneByFour<E: Element>(
        _ type: E.Type, _ x: UnsafePointer<Float>, _ w: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), _ k: Int,
        _ sums: UnsafeMutablePointer<Float>
    ) {
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
        (sums[0], sums[1], sums[2], sums[3]) = (s0.total, s1.total, s2.total, s3.total)
    }

    /// Four rows with four: `sums[4 * i + j] = x[i] · w[j]`.
    @inline(__always)
    static func fourByFour<E: Element>(
        _ type: E.Type, _ x: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>),
        _ w: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), _ k: Int, _ sums: UnsafeMutablePointer<Float>
    ) {
        var (s00, s01, s02, s03) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var (s10, s11, s12, s13) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var (s20, s21, s22, s23) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var (s30, s31, s32, s33) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var i = 0
        while i < k {
            let rest = k - i
            let byte = i * E.byteCount
            let (w0, w1, w2, w3): (Vector, Vector, Vector, Vector)
            let (x0, x1, x2, x3): (Vector, Vector, Vector, Vector)
            if rest >= 16 {
                (w0, w1, w2, w3) = (E.load(w.0 + byte), E.load(w.1 + byte), E.load(w.2 + byte), E.load(w.3 + byte))
                (x0, x1, x2, x3) = (load(x.0 + i), load(x.1 + i), load(x.2 + i), load(x.3 + i))
            } else {
                (w0, w1) = (E.loadPart(w.0 + byte, rest), E.loadPart(w.1 + byte, rest))
                (w2, w3) = (E.loadPart(w.2 + byte, rest), E.loadPart(w.3 + byte, rest))
                (x0, x1) = (tala_load_part(x.0 + i, rest), tala_load_part(x.1 + i, rest))
                (x2, x3) = (tala_load_part(x.2 + i, rest), tala_load_part(x.3 + i, rest))
            }
            s00 = s00.addingProduct(x0, w0)
            s01 = s01.addingProduct(x0, w1)
            s02 = s02.addingProduct(x0, w2)
            s03 = s03.addingProduct(x0, w3)
            s10 = s10.addingProduct(x1, w0)
            s11 = s11.addingProduct(x1, w1)
            s12 = s12.addingProduct(x1, w2)
            s13 = s13.addingProduct(x1, w3)
            s20 = s20.addingProduct(x2, w0)
            s21 = s21.addingProduct(x2, w1)
            s22 = s22.addingProduct(x2, w2)
            s23 = s23.addingProduct(x2, w3)
            s30 = s30.addingProduct(x3, w0)
            s31 = s31.addingProduct(x3, w1)
            s32 = s32.addingProduct(x3, w2)
            s33 = s33.addingProduct(x3, w3)
            i += 16
        }
        (sums[0], sums[1], sums[2], sums[3]) = (s00.total, s01.total, s02.total, s03.total)
        (sums[4], sums[5], sums[6], sums[7]) = (s10.total, s11.total, s12.total, s13.total)
        (sums[8], sums[9], sums[10], sums[11]) = (s20.total, s21.total, s22.total, s23.total)
        (sums[12], sums[13], sums[14], sums[15]) = (s30.total, s31.total, s32.total, s33.total)
    }

    /// `c[i, j] = x[i] · w[j]` for any number of rows of `x` and at most four of `w`: calls `put`
    /// with a row's number and its sums.
    /// - Parameters:
    ///   - stride: from row to row of `x`, in numbers.
    ///   - w: the first row of the weight.
    ///   - step: bytes from row to row of the weight.
    ///   - sums: room for sixteen.
    @inline(__always)
    static func run<E: Element>(
        _ type: E.Type, _ x: UnsafePointer<Float>, stride: Int, rows: Int, _ w: UnsafeRawPointer, step: Int, columns: Int, _ k: Int,
        _ sums: UnsafeMutablePointer<Float>, _ put: (_ row: Int, _ sums: UnsafeMutablePointer<Float>) -> Void
    ) {
        // What is past the end reads the last again and is not stored.
        let last = columns - 1
        let w = (w, w + min(1, last) * step, w + min(2, last) * step, w + last * step)
        var row = 0
        while row < rows {
            if rows - row == 1 {
                oneByFour(type, x + row * stride, w, k, sums)
                put(row, sums)
                return
            }
            let end = min(3, rows - row - 1)
            let first = x + row * stride
            fourByFour(type, (first, first + stride, first + min(2, end) * stride, first + end * stride), w, k, sums)
            for i in 0...end { put(row + i, sums + 4 * (i == end ? 3 : i)) }
            row += 4
        }
    }
}
