import Glibc
import Graph
import Tensors

/// `c = scale * x * Wᵀ + addend` by ``RowDots``: weights are read once for all rows, and no bit of
/// a row depends on the others.
///
/// Weights are read as they lie where sums can be made from them, else unpacked some rows at a time
/// (``StoredRows``). With bfloat16 activations and the processor's instructions for them both sides
/// of a sum are bfloat16; else both are float32, and narrow activations are widened first, once.
final class RowExactProductKernel: Kernel {
    /// Where the rows of `W` come from.
    enum Weights {
        case matrix(Matrix)
        case stored(any StoredRows)
    }
    /// What is multiplied.
    private enum Sums {
        case singles, widened, pairs
    }

    private let (x, c): (Matrix, Matrix)
    /// The weight's rows where they are read as they lie.
    private let matrix: Matrix?
    private let stored: (any StoredRows)?
    private let addend: Matrix?
    private let scale: Float
    private let inner: Int
    private let sums: Sums
    private let convertsX: Bool
    /// Rows of the weight that are unpacked at a time.
    private let unpackedRows: Int

    /// Columns of the result that a thread takes at a time, and rows of it that it finishes at a
    /// time.
    private static let width = 32
    private static let height = 64
    private static let sumsBytes = width * height * 4

    init(x: Matrix, weights: Weights, addend: Matrix?, c: Matrix, scale: Float = 1, products: ProductLibrary) {
        (self.x, self.c, self.addend, self.scale) = (x, c, addend, scale)
        inner = x.columns
        let hasPairs = x.elementType == .bfloat16 && products.hasBfloat16
        switch weights {
        case .matrix(let matrix) where matrix.elementType == .bfloat16:
            (self.matrix, stored, sums) = (matrix, nil, hasPairs ? .pairs : .widened)
        case .matrix(let matrix) where matrix.elementType == .float32:
            (self.matrix, stored, sums) = (matrix, nil, .singles)
        case .matrix(let matrix): (self.matrix, stored, sums) = (nil, MatrixRows(matrix: matrix), .singles)
        case .stored(let rows): (matrix, stored, sums) = (nil, rows, hasPairs ? .pairs : .singles)
        }
        convertsX = sums != .pairs && x.elementType != .float32
        // A few rows stay in the first-level cache; with many rows of activations more of them are
        // worth the second.
        let rowBytes = RowBuffer.byteCount(inner) / (sums == .pairs ? 2 : 1)
        unpackedRows = c.rows <= 16 ? 4 : max(4, min(Self.width, 131_072 / max(1, rowBytes) / 4 * 4))
        super.init()
    }

    private var xStride: Int { convertsX ? inner : x.rowStride }
    private var unpackedType: ElementType { sums == .pairs ? .bfloat16 : .float32 }
    /// Numbers from row to row of what was unpacked: whole cache lines.
    private var unpackedStride: Int { (inner + 31) / 32 * 32 }
    private var unpackedBytes: Int { stored == nil ? 0 : unpackedRows * unpackedStride * unpackedType.byteCount }

    override var phaseCount: Int { convertsX ? 2 : 1 }
    override var sharedByteCount: Int { convertsX ? RowBuffer.byteCount(x.rows * inner) : 0 }
    /// Sums, unpacked rows of the weight, one more for their rounding.
    override var scratchByteCount: Int { Self.sumsBytes + unpackedBytes + (stored == nil ? 0 : RowBuffer.byteCount(inner)) }

    override func blockCount(_ phase: Int) -> Int {
        if convertsX, phase == 0 { return x.rows }
        return c.rows == 0 ? 0 : (c.columns + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let shared = workspace.shared.assumingMemoryBound(to: Float.self)
        if convertsX, phase == 0 {
            RowConversion.widen(x.address(block), x.elementType, to: shared + block * inner, count: inner)
            return
        }
        let rows = convertsX ? UnsafeRawPointer(workspace.shared) : UnsafeRawPointer(x.base)
        let room = workspace.scratch + Self.sumsBytes
        let end = min(c.columns, (block + 1) * Self.width)
        guard let stored else {
            if let matrix {
                let first = block * Self.width
                multiply(rows, matrix.address(first), matrix.rowStride, first..<end, workspace.scratch)
            }
            return
        }
        for first in stride(from: block * Self.width, to: end, by: unpackedRows) {
            let part = first..<min(end, first + unpackedRows)
            unpack(stored, part, room, (room + unpackedBytes).assumingMemoryBound(to: Float.self))
            multiply(rows, room, unpackedStride, part, workspace.scratch)
        }
    }

    private func unpack(
        _ stored: any StoredRows, _ rows: Range<Int>, _ target: UnsafeMutableRawPointer, _ room: UnsafeMutablePointer<Float>
    ) {
        stored.unpack(rows, as: unpackedType, to: target, stride: unpackedStride, room: room)
        // The weight has the activations' type, also where sums are made from wider numbers.
        guard convertsX, !(stored is MatrixRows) else { return }
        for index in 0..<rows.count {
            let row = target.assumingMemoryBound(to: Float.self) + index * unpackedStride
            RowConversion.narrow(row, to: room, x.elementType, count: inner)
            RowConversion.widen(room, x.elementType, to: row, count: inner)
        }
    }

    /// All rows of the result in some columns, for which the weight's rows are at `weight`.
    private func multiply(
        _ rows: UnsafeRawPointer, _ weight: UnsafeRawPointer, _ step: Int, _ columns: Range<Int>, _ scratch: UnsafeMutableRawPointer
    ) {
        let results = scratch.assumingMemoryBound(to: Float.self)
        for first in stride(from: 0, to: c.rows, by: Self.height) {
            let count = min(Self.height, c.rows - first)
            if sums == .pairs {
                RowDots.multiplyPairs(
                    rows + first * xStride * 2, stride: xStride, rows: count, weight, step: step, columns: columns.count, inner, results,
                    sumsStride: Self.width)
            } else {
                let x = rows.assumingMemoryBound(to: Float.self) + first * xStride
                if sums == .widened {
                    RowDots.multiply(
                        RowDots.BFloat16.self, x, stride: xStride, rows: count, weight, step: step, columns: columns.count, inner, results,
                        sumsStride: Self.width)
                } else {
                    RowDots.multiply(
                        RowDots.Single.self, x, stride: xStride, rows: count, weight, step: step, columns: columns.count, inner, results,
                        sumsStride: Self.width)
                }
            }
            for row in 0..<count {
                RowResult.put(
                    results + row * Self.width, columns.count, scale: scale, addend: addend, c, first + row, columns.lowerBound)
            }
        }
    }
}

/// Writing sums into a row of a result.
enum RowResult {
    /// `c[row, column...] = scale * sums + addend`; the sums are overwritten.
    @inline(__always)
    static func put(
        _ sums: UnsafeMutablePointer<Float>, _ count: Int, scale: Float, addend: Matrix?, _ c: Matrix, _ row: Int, _ column: Int
    ) {
        if scale != 1 { for j in 0..<count { sums[j] *= scale } }
        if let addend {
            if addend.elementType == .float32 {
                let other = addend.floats(row, column)
                for j in 0..<count { sums[j] += other[j] }
            } else {
                for j in 0..<count {
                    var other: Float = 0
                    RowConversion.widen(addend.address(row, column + j), addend.elementType, to: &other, count: 1)
                    sums[j] += other
                }
            }
        }
        RowConversion.narrow(sums, to: c.address(row, column), c.elementType, count: count)
    }
}
