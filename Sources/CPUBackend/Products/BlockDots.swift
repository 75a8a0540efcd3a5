import CProducts
import Graph
import Quantization
import Tensors

/// `c = x * Wᵀ + addend` for few rows of `x` and a weight in the blocks of a GGUF file, whose
/// numbers exist in registers alone: the weight's bytes are read once, and nothing else streams
/// through the nearest cache. Bit for bit what ``RowExactProductKernel`` computes of more rows.
final class BlockDotsKernel: Kernel {
    private let (x, c): (Matrix, Matrix)
    private let addend: Matrix?
    private let weight: BlockRows
    private let inner: Int
    private let isInPairs: Bool
    /// Rows that are computed: the next power of two.
    private let height: Int
    /// Numbers from row to row of `x` as it is laid out: rows do not begin in the same places of a
    /// cache.
    private let step: Int

    /// Columns of the result that a thread takes at a time.
    private static let width = 32
    private static let sumsBytes = width * Int(tala_most_block_dot_rows) * 4

    /// Whether a product can be computed so.
    static func suits(_ x: Matrix, _ format: BlockFormat, _ products: ProductLibrary) -> Bool {
        (1...Int(tala_most_block_dot_rows)).contains(x.rows) && BlockRows.isInC(format)
            && (x.elementType == .float32 || x.elementType == .bfloat16 && products.hasBfloat16)
    }

    init(x: Matrix, weight: BlockRows, addend: Matrix?, c: Matrix) {
        (self.x, self.weight, self.addend, self.c) = (x, weight, addend, c)
        inner = x.columns
        isInPairs = x.elementType == .bfloat16
        height = x.rows <= 2 ? x.rows : x.rows <= 4 ? 4 : 8
        step = (inner + 31) / 32 * 32 + 64 / x.elementType.byteCount
        super.init()
    }

    private var rowBytes: Int { step * x.elementType.byteCount }

    override var phaseCount: Int { 2 }
    override var sharedByteCount: Int { height * rowBytes }
    override var scratchByteCount: Int { Self.sumsBytes }

    override func blockCount(_ phase: Int) -> Int {
        if phase == 0 { return height }
        return (c.columns + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        if phase == 0 {
            // What is past the end is computed and not kept.
            let source = x.address(min(block, x.rows - 1))
            return (workspace.shared + block * rowBytes).copyMemory(from: source, byteCount: inner * x.elementType.byteCount)
        }
        let columns = block * Self.width..<min(c.columns, (block + 1) * Self.width)
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        var shape = tala_block_dots(
            rows: Int64(x.rows), columns: Int64(columns.count), blocks: Int64(inner / weight.format.blockLength), x_stride: Int64(step),
            w_stride: Int64(weight.matrix.rowStride), sums_stride: Int64(Self.width))
        let (number, bytes) = (weight.format.number, weight.matrix.address(columns.lowerBound))
        withUnsafePointer(to: &shape) { shape in
            if isInPairs {
                tala_block_dots_bfloat16(number, shape, workspace.shared.assumingMemoryBound(to: UInt16.self), bytes, sums)
            } else {
                tala_block_dots_float32(number, shape, workspace.shared.assumingMemoryBound(to: Float.self), bytes, sums)
            }
        }
        for row in 0..<c.rows {
            RowResult.put(sums + row * Self.width, columns.count, scale: 1, addend: addend, c, row, columns.lowerBound)
        }
    }
}
