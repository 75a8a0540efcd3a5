import Graph
import Tensors

/// `c = scale * x * W(g)ᵀ + addend` by ``RowDots``: a group's weight is read once for all of its
/// rows, weights of groups without rows are not, and no bit of a row depends on the others.
///
/// What is multiplied is that of ``RowExactProductKernel``.
final class GroupedDotsKernel: Kernel {
    private enum Sums {
        case singles, widened, pairs
    }
    private let (x, weight, c): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let stored: (any StoredRows)?
    private let tiles: GroupedTiles
    private let (groupCount, outputs, inner): (Int, Int, Int)
    private let scale: Float
    private let sums: Sums
    private let convertsX: Bool

    /// Columns of the result that a thread takes at a time, rows of it that it finishes at a time,
    /// and rows of the weight that are unpacked at a time.
    private static let width = 32
    private static let height = 64
    private static let unpackedRows = 4
    private static let sumsBytes = width * height * 4

    init(_ operation: GroupedProduct, _ rows: (any PartedRows)?, _ operands: KernelOperands) {
        (x, weight, c) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[3] : nil
        (groupCount, outputs, inner, scale) = (operation.groupCount, operation.outputs, operation.inputs, operation.scale)
        tiles = GroupedTiles(operands.inputs[2], rowCount: x.rows, height: max(1, x.rows))
        let hasPairs = x.elementType == .bfloat16 && operands.products.hasBfloat16
        if let rows {
            (stored, sums) = (rows, hasPairs ? .pairs : .singles)
        } else if weight.elementType == .bfloat16 {
            (stored, sums) = (nil, hasPairs ? .pairs : .widened)
        } else if weight.elementType == .float32 {
            (stored, sums) = (nil, .singles)
        } else {
            (stored, sums) = (MatrixRows(matrix: weight), .singles)
        }
        convertsX = sums != .pairs && x.elementType != .float32
        super.init()
    }

    private var xStride: Int { convertsX ? inner : x.rowStride }
    private var unpackedType: ElementType { sums == .pairs ? .bfloat16 : .float32 }
    private var unpackedStride: Int { (inner + 31) / 32 * 32 }
    private var unpackedBytes: Int { stored == nil ? 0 : Self.unpackedRows * unpackedStride * unpackedType.byteCount }
    private var across: Int { (outputs + Self.width - 1) / Self.width }

    override var phaseCount: Int { convertsX ? 2 : 1 }
    override var sharedByteCount: Int { convertsX ? RowBuffer.byteCount(x.rows * inner) : 0 }
    override var scratchByteCount: Int { Self.sumsBytes + unpackedBytes + (stored == nil ? 0 : RowBuffer.byteCount(inner)) }

    override func blockCount(_ phase: Int) -> Int {
        if convertsX, phase == 0 { return x.rows }
        // No more groups have rows than there are rows.
        return tiles.count * across
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if convertsX, phase == 0 {
            let shared = workspace.shared.assumingMemoryBound(to: Float.self)
            RowConversion.widen(x.address(block), x.elementType, to: shared + block * inner, count: inner)
            return
        }
        guard let (group, rows) = tiles.tile(block / across) else { return }
        let columns = block % across * Self.width..<min(outputs, (block % across + 1) * Self.width)
        let source = convertsX ? UnsafeRawPointer(workspace.shared) : UnsafeRawPointer(x.base)
        let first = group * outputs
        guard let stored else {
            return multiply(
                source, weight.address(first + columns.lowerBound), weight.rowStride, rows, columns, workspace.scratch)
        }
        let room = workspace.scratch + Self.sumsBytes
        let floats = (room + unpackedBytes).assumingMemoryBound(to: Float.self)
        for start in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.unpackedRows) {
            let part = start..<min(columns.upperBound, start + Self.unpackedRows)
            unpack(stored, first + part.lowerBound..<first + part.upperBound, room, floats)
            multiply(source, room, unpackedStride, rows, part, workspace.scratch)
        }
    }

    private func unpack(
        _ stored: any StoredRows, _ rows: Range<Int>, _ target: UnsafeMutableRawPointer, _ room: UnsafeMutablePointer<Float>
    ) {
        stored.unpack(rows, as: unpackedType, to: target, stride: unpackedStride, room: room)
        // A weight of few bits has the rows' type, also where sums are made from wider numbers.
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
            switch sums {
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
