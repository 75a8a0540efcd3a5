import Glibc
import Graph
import Quantization
import Tensors

/// `c = scale * x * Wᵀ + addend` by ``RowDots``: weights are read once for all rows, and no bit of
/// a row depends on the others.
///
/// Float32 and bfloat16 weights are read as they lie; others are widened four rows at a time into
/// the thread's scratch. Narrow activations are widened first, once.
final class RowExactProductKernel: Kernel {
    /// Where the rows of `W` come from.
    enum Weights {
        case matrix(Matrix)
        case quantized(QuantizedWeight, columns: Int)
    }

    private let (x, c): (Matrix, Matrix)
    private let weights: Weights
    private let addend: Matrix?
    private let scale: Float
    private let inner: Int

    /// Columns of the result that a thread takes at a time.
    private static let width = 32

    init(x: Matrix, weights: Weights, addend: Matrix?, c: Matrix, scale: Float = 1) {
        (self.x, self.c, self.weights, self.addend, self.scale) = (x, c, weights, addend, scale)
        inner = x.columns
        super.init()
    }

    private var convertsX: Bool { x.elementType != .float32 }
    private var xStride: Int { convertsX ? inner : x.rowStride }
    private var weightBytes: Int { 4 * RowBuffer.byteCount(inner) }

    override var phaseCount: Int { convertsX ? 2 : 1 }
    override var sharedByteCount: Int { convertsX ? RowBuffer.byteCount(x.rows * inner) : 0 }
    /// Sixteen sums, four rows of the weight, one more for their rounding.
    override var scratchByteCount: Int { 64 + weightBytes + RowBuffer.byteCount(inner) }

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
        let rows = UnsafePointer(convertsX ? shared : x.floats(0))
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        let room = workspace.scratch + 64
        for column in stride(from: block * Self.width, to: min(c.columns, (block + 1) * Self.width), by: 4) {
            let count = min(4, c.columns - column)
            switch weights {
            case .matrix(let matrix) where matrix.elementType == .float32:
                run(RowDots.Single.self, rows, matrix.address(column), matrix.rowBytes, column, count, sums)
            case .matrix(let matrix) where matrix.elementType == .bfloat16:
                run(RowDots.BFloat16.self, rows, matrix.address(column), matrix.rowBytes, column, count, sums)
            case .matrix(let matrix):
                let step = RowBuffer.byteCount(inner)
                for row in 0..<count {
                    let target = (room + row * step).assumingMemoryBound(to: Float.self)
                    RowConversion.widen(matrix.address(column + row), matrix.elementType, to: target, count: inner)
                }
                run(RowDots.Single.self, rows, room, step, column, count, sums)
            case .quantized(let weight, let columns):
                let step = RowBuffer.byteCount(inner)
                let rounded = (room + weightBytes).assumingMemoryBound(to: Float.self)
                for row in 0..<count {
                    let target = (room + row * step).assumingMemoryBound(to: Float.self)
                    weight.dequantize((column + row) * columns..<(column + row + 1) * columns, into: target)
                    // The weight has the activations' type.
                    if convertsX {
                        RowConversion.narrow(target, to: rounded, x.elementType, count: inner)
                        RowConversion.widen(rounded, x.elementType, to: target, count: inner)
                    }
                }
                run(RowDots.Single.self, rows, room, step, column, count, sums)
            }
        }
    }

    @inline(__always)
    private func run<E: RowDots.Element>(
        _ type: E.Type, _ rows: UnsafePointer<Float>, _ weight: UnsafeRawPointer, _ step: Int, _ column: Int, _ count: Int,
        _ sums: UnsafeMutablePointer<Float>
    ) {
        RowDots.run(type, rows, stride: xStride, rows: c.rows, weight, step: step, columns: count, inner, sums) { row, sums in
            RowResult.put(sums, count, scale: scale, addend: addend, c, row, column)
        }
    }
}

/// Writing up to four sums into a result.
enum RowResult {
    /// `c[row, column...] = scale * sums + addend`.
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
