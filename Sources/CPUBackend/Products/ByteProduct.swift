import CProducts
import Graph
import Quantization
import Tensors

/// `c = x * Wᵀ + addend` with a weight in bytes (q8), in the processor's products of bytes: rows of
/// `x` are laid out once in 15 bits by blocks of 32, and products of blocks are whole numbers that
/// nothing rounds. Weights are read once for all rows, and no bit of a row depends on the others.
final class ByteProductKernel: Kernel {
    /// Whether this processor has the instructions.
    static let isPossible = RowDots.isInC && tala_has_byte_products() != 0

    private let (x, c): (Matrix, Matrix)
    private let addend: Matrix?
    private let codes: UnsafePointer<Int8>
    private let scales: UnsafePointer<UInt16>
    private let inner: Int
    private let rowBytes: Int

    /// Columns of the result that a thread takes at a time, and rows of it that it finishes at a
    /// time.
    private static let width = 32
    private static let height = 64
    private static let sumsBytes = width * height * 4

    /// Whether a product is computed so: the weight's rows are whole blocks, and the processor has
    /// no products of bfloat16 for activations of that type, which are faster with many rows.
    static func suits(_ operation: QuantizedProduct, _ x: Matrix, _ products: ProductLibrary) -> Bool {
        products.hasBytes && !(x.elementType == .bfloat16 && products.hasBfloat16) && operation.isRowExact
            && operation.format == .words(.q8) && operation.inputs > 0
            && operation.inputs % QuantizedFormat.q8.blockLength == 0
    }

    init(x: Matrix, weight: QuantizedWeight, addend: Matrix?, c: Matrix) {
        (self.x, self.addend, self.c) = (x, addend, c)
        inner = x.columns
        codes = (weight.base + weight.layout.codeWord * 4).assumingMemoryBound(to: Int8.self)
        scales = (weight.base + weight.layout.scaleWord * 4).assumingMemoryBound(to: UInt16.self)
        rowBytes = Int(tala_byte_row_size(Int64(x.columns)))
        super.init()
    }

    override var phaseCount: Int { 2 }
    override var takesNeighbours: Bool { true }
    override var sharedByteCount: Int { x.rows * rowBytes }
    /// Sums, or a row of `x` as float32.
    override var scratchByteCount: Int { max(Self.sumsBytes, RowBuffer.byteCount(inner)) }

    override func blockCount(_ phase: Int) -> Int {
        if phase == 0 { return x.rows }
        return c.rows == 0 ? 0 : (c.columns + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let room = workspace.scratch.assumingMemoryBound(to: Float.self)
        if phase == 0 { return tala_make_byte_row(x.row(block, room), Int64(inner), workspace.shared + block * rowBytes) }
        let columns = block * Self.width..<min(c.columns, (block + 1) * Self.width)
        for first in stride(from: 0, to: c.rows, by: Self.height) {
            let count = min(Self.height, c.rows - first)
            var shape = tala_byte_dots(
                rows: Int64(count), columns: Int64(columns.count), k: Int64(inner), row_bytes: Int64(rowBytes),
                sums_stride: Int64(Self.width))
            withUnsafePointer(to: &shape) {
                tala_run_byte_dots(
                    $0, workspace.shared + first * rowBytes, codes + columns.lowerBound * inner,
                    scales + columns.lowerBound * (inner / QuantizedFormat.q8.blockLength), room)
            }
            for row in 0..<count {
                RowResult.put(room + row * Self.width, columns.count, scale: 1, addend: addend, c, first + row, columns.lowerBound)
            }
        }
    }
}
