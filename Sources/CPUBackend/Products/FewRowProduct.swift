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
    /// Rows that are computed.
    private let height: Int

    /// Numbers of a row of `x` that lie side by side, before the same numbers of the next row
    /// (`tala_block_dots`). A single row is read as it lies.
    private static let piece = 32
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
        height = Int(tala_block_dot_height(Int64(x.rows)))
        super.init()
    }

    private var isLaidOut: Bool { height > 1 }

    override var phaseCount: Int { isLaidOut ? 2 : 1 }
    override var takesNeighbours: Bool { true }
    override var sharedByteCount: Int { isLaidOut ? height * inner * x.elementType.byteCount : 0 }
    override var scratchByteCount: Int { Self.sumsBytes }

    override func blockCount(_ phase: Int) -> Int {
        if isLaidOut, phase == 0 { return height }
        return (c.columns + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if isLaidOut, phase == 0 {
            // What is past the end is computed and not kept.
            return layOut(x.address(min(block, x.rows - 1)), place: block, in: workspace.shared)
        }
        let columns = block * Self.width..<min(c.columns, (block + 1) * Self.width)
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        var shape = tala_block_dots(
            rows: Int64(x.rows), columns: Int64(columns.count), blocks: Int64(inner / weight.blockLength),
            w_stride: Int64(weight.rowByteCount), sums_stride: Int64(Self.width))
        let rows = isLaidOut ? UnsafeRawPointer(workspace.shared) : UnsafeRawPointer(x.address(0))
        withUnsafePointer(to: &shape) { weight.multiply($0, rows, isBFloat16: isBFloat16, row: columns.lowerBound, sums) }
        for row in 0..<c.rows {
            RowResult.put(sums + row * Self.width, columns.count, scale: 1, addend: addend, c, row, columns.lowerBound)
        }
    }

    /// Puts the pieces of a row between those of the others.
    private func layOut(_ row: UnsafeRawPointer, place: Int, in target: UnsafeMutableRawPointer) {
        let bytes = Self.piece * x.elementType.byteCount
        for piece in 0..<inner / Self.piece {
            (target + (piece * height + place) * bytes).copyMemory(from: row + piece * bytes, byteCount: bytes)
        }
    }
}
