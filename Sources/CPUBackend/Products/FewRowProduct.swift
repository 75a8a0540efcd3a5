import CProducts
import Graph
import Tensors

/// A stored weight whose products with few rows are made in registers (`block_tile.h`).
protocol RegisterRows {
    /// Whether this processor makes them so; with bfloat16 activations it must have the
    /// instructions for those, too.
    var isInRegisters: Bool { get }
    /// Numbers of a block, and bytes from row to row of the blocks.
    var blockLength: Int { get }
    var rowByteCount: Int { get }
    /// Scalar products of rows of `x` with the weight's rows from `row` on.
    func multiply(
        _ shape: UnsafePointer<tala_block_dots>, _ x: UnsafeRawPointer, isBFloat16: Bool, row: Int, _ sums: UnsafeMutablePointer<Float>)
}

/// `c = x * Wᵀ + addend` for few rows of `x` and a quantised weight or one in the blocks of a GGUF
/// file, whose numbers exist in registers alone: the weight's bytes are read once, and nothing else
/// streams through the nearest cache. Bit for bit what ``RowExactProductKernel`` computes of more
/// rows.
final class FewRowProductKernel: Kernel {
    private let (x, c): (Matrix, Matrix)
    private let addend: Matrix?
    private let weight: any RegisterRows
    private let inner: Int
    private let isBFloat16: Bool
    /// Rows that are computed: the next power of two.
    private let height: Int
    /// Numbers from row to row of `x` as it is laid out: rows do not begin in the same places of a
    /// cache. A single row is read as it lies.
    private let step: Int

    /// Columns of the result that a thread takes at a time.
    private static let width = 32
    private static let sumsBytes = width * Int(tala_most_block_dot_rows) * 4

    /// Whether a product can be computed so.
    static func suits(_ x: Matrix, _ weight: any RegisterRows, _ products: ProductLibrary) -> Bool {
        (1...Int(tala_most_block_dot_rows)).contains(x.rows) && weight.isInRegisters
            && (x.elementType == .float32 || x.elementType == .bfloat16 && products.hasBfloat16)
    }

    init(x: Matrix, weight: any RegisterRows, addend: Matrix?, c: Matrix) {
        (self.x, self.weight, self.addend, self.c) = (x, weight, addend, c)
        inner = x.columns
        isBFloat16 = x.elementType == .bfloat16
        height = x.rows <= 2 ? x.rows : x.rows <= 4 ? 4 : 8
        step = (inner + 31) / 32 * 32 + 64 / x.elementType.byteCount
        super.init()
    }

    private var isLaidOut: Bool { height > 1 }
    private var rowBytes: Int { step * x.elementType.byteCount }

    override var phaseCount: Int { isLaidOut ? 2 : 1 }
    override var takesNeighbours: Bool { true }
    override var sharedByteCount: Int { isLaidOut ? height * rowBytes : 0 }
    override var scratchByteCount: Int { Self.sumsBytes }

    override func blockCount(_ phase: Int) -> Int {
        if isLaidOut, phase == 0 { return height }
        return (c.columns + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if isLaidOut, phase == 0 {
            // What is past the end is computed and not kept.
            let source = x.address(min(block, x.rows - 1))
            return (workspace.shared + block * rowBytes).copyMemory(from: source, byteCount: inner * x.elementType.byteCount)
        }
        let columns = block * Self.width..<min(c.columns, (block + 1) * Self.width)
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        var shape = tala_block_dots(
            rows: Int64(x.rows), columns: Int64(columns.count), blocks: Int64(inner / weight.blockLength), x_stride: Int64(step),
            w_stride: Int64(weight.rowByteCount), sums_stride: Int64(Self.width))
        let rows = isLaidOut ? UnsafeRawPointer(workspace.shared) : UnsafeRawPointer(x.address(0))
        withUnsafePointer(to: &shape) { weight.multiply($0, rows, isBFloat16: isBFloat16, row: columns.lowerBound, sums) }
        for row in 0..<c.rows {
            RowResult.put(sums + row * Self.width, columns.count, scale: 1, addend: addend, c, row, columns.lowerBound)
        }
    }
}
