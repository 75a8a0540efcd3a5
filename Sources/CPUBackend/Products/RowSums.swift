import Glibc
import Graph
import Tensors

/// `c = scale * x * Wᵀ + addend` by ``RowDots`` for some rows and columns at a time, in an order of
/// sums that depends on neither the rows' number nor their place.
///
/// Weights are read as they lie where sums can be made from them, else unpacked some rows at a time
/// (``StoredRows``). With bfloat16 activations and the processor's instructions for them both sides
/// of a sum are bfloat16; else both are float32, and narrow activations are widened first, once.
struct RowSums {
    /// Where the rows of `W` come from.
    enum Weights {
        case matrix(Matrix)
        case stored(any StoredRows)
    }
    /// What is multiplied.
    private enum Factors {
        case singles, widened, pairs
    }

    let (x, c): (Matrix, Matrix)
    /// The weight's rows where they are read as they lie.
    private let matrix: Matrix?
    private let stored: (any StoredRows)?
    private let addend: Matrix?
    private let scale: Float
    private let inner: Int
    private let factors: Factors
    private let convertsX: Bool
    /// Rows of the weight that are unpacked at a time.
    private let unpackedRows: Int

    /// Columns of the result that a thread takes at a time, and rows of it that it finishes at a
    /// time.
    static let width = 32
    private static let height = 64
    private static let byteCount = width * height * 4

    /// - Parameter sharingRows: rows of `x` for which a row of the weight is unpacked once.
    init(x: Matrix, weights: Weights, addend: Matrix?, c: Matrix, scale: Float, sharingRows: Int, products: ProductLibrary) {
        (self.x, self.c, self.addend, self.scale) = (x, c, addend, scale)
        inner = x.columns
        let hasPairs = x.elementType == .bfloat16 && products.hasBfloat16
        switch weights {
        case .matrix(let matrix) where matrix.elementType == .bfloat16:
            (self.matrix, stored, factors) = (matrix, nil, hasPairs ? .pairs : .widened)
        case .matrix(let matrix) where matrix.elementType == .float32:
            (self.matrix, stored, factors) = (matrix, nil, .singles)
        case .matrix(let matrix): (self.matrix, stored, factors) = (nil, MatrixRows(matrix: matrix), .singles)
        case .stored(let rows): (matrix, stored, factors) = (nil, rows, hasPairs ? .pairs : .singles)
        }
        convertsX = factors != .pairs && x.elementType != .float32
        // A few rows stay in the first-level cache; with many rows of activations more of them are
        // worth the second.
        let rowBytes = RowBuffer.byteCount(inner) / (factors == .pairs ? 2 : 1)
        unpackedRows = sharingRows <= 16 ? 4 : max(4, min(Self.width, 131_072 / max(1, rowBytes) / 4 * 4))
    }

    private var xStride: Int { convertsX ? inner : x.rowStride }
    private var unpackedType: ElementType { factors == .pairs ? .bfloat16 : .float32 }
    /// Numbers from row to row of what was unpacked: whole cache lines.
    private var unpackedStride: Int { (inner + 31) / 32 * 32 }
    private var unpackedBytes: Int { stored == nil ? 0 : unpackedRows * unpackedStride * unpackedType.byteCount }

    var phaseCount: Int { convertsX ? 2 : 1 }
    var sharedByteCount: Int { convertsX ? RowBuffer.byteCount(x.rows * inner) : 0 }
    /// Sums, unpacked rows of the weight, one more for their rounding.
    var scratchByteCount: Int { Self.byteCount + unpackedBytes + (stored == nil ? 0 : RowBuffer.byteCount(inner)) }

    /// Whether a phase widens rows of `x`, one a block.
    func prepares(_ phase: Int) -> Bool { convertsX && phase == 0 }

    func prepare(row: Int, _ workspace: Workspace) {
        let shared = workspace.shared.assumingMemoryBound(to: Float.self)
        RowConversion.widen(x.address(row), x.elementType, to: shared + row * inner, count: inner)
    }

    /// Writes some rows of the result in at most ``width`` columns.
    /// - Parameter firstWeight: the row of `W` that is column 0.
    func run(_ rows: Range<Int>, _ columns: Range<Int>, firstWeight: Int, _ workspace: Workspace) {
        let source = convertsX ? UnsafeRawPointer(workspace.shared) : UnsafeRawPointer(x.base)
        guard let stored else {
            if let matrix {
                let first = matrix.address(firstWeight + columns.lowerBound)
                multiply(source, first, matrix.rowStride, rows, columns, workspace.scratch)
            }
            return
        }
        let room = workspace.scratch + Self.byteCount
        let floats = (room + unpackedBytes).assumingMemoryBound(to: Float.self)
        for start in stride(from: columns.lowerBound, to: columns.upperBound, by: unpackedRows) {
            let part = start..<min(columns.upperBound, start + unpackedRows)
            unpack(stored, firstWeight + part.lowerBound..<firstWeight + part.upperBound, room, floats)
            multiply(source, room, unpackedStride, rows, part, workspace.scratch)
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

    /// Rows of the result in some columns, for which the weight's rows are at `weight`.
    private func multiply(
        _ source: UnsafeRawPointer, _ weight: UnsafeRawPointer, _ step: Int, _ rows: Range<Int>, _ columns: Range<Int>,
        _ scratch: UnsafeMutableRawPointer
    ) {
        let results = scratch.assumingMemoryBound(to: Float.self)
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.height) {
            let count = min(Self.height, rows.upperBound - first)
            switch factors {
            case .pairs:
                RowDots.multiplyPairs(
                    source + first * xStride * 2, stride: xStride, rows: count, weight, step: step, columns: columns.count, inner, results,
                    sumsStride: Self.width)
            case .widened:
                RowDots.multiply(
                    RowDots.BFloat16.self, source.assumingMemoryBound(to: Float.self) + first * xStride, stride: xStride, rows: count,
                    weight, step: step, columns: columns.count, inner, results, sumsStride: Self.width)
            case .singles:
                RowDots.multiply(
                    RowDots.Single.self, source.assumingMemoryBound(to: Float.self) + first * xStride, stride: xStride, rows: count,
                    weight, step: step, columns: columns.count, inner, results, sumsStride: Self.width)
            }
            for row in 0..<count {
                RowResult.put(results + row * Self.width, columns.count, scale: scale, addend: addend, c, first + row, columns.lowerBound)
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
