import Graph
import Tensors

/// `c = scale * aᵀ * b + addend` where `c` has few columns: the gradient of an adapter's second matrix.
///
/// oneDNN would have to turn all of `a` for a handful of columns. So the transposed product `bᵀ * a` is computed, a few thousand numbers at a time, and
/// what is turned is its small result. Measured on bfloat16 operands, one thread: 230 to 300 GFLOP/s instead of 80 to 150.
final class NarrowMatrixProductKernel: Kernel {
    private let (a, b, c): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let scale: Float
    /// Rows of `c` in a block.
    private let height: Int
    private let (whole, last): (BlockProduct, BlockProduct)

    static func suits(_ operation: MatrixProduct, _ operands: KernelOperands) -> Bool {
        let (a, b, c) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        return operation.transposesA && !operation.transposesB && operands.products.hasBfloat16 && a.elementType == .bfloat16
            && b.elementType == .bfloat16 && c.elementType == .float32 && (1...16).contains(c.columns) && c.rows >= 8 * c.columns
            && (1...6_144).contains(a.rows)
    }

    /// - Precondition: ``suits(_:_:)``.
    init(_ operation: MatrixProduct, _ operands: KernelOperands) {
        let (a, b, c) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        (self.a, self.b, self.c) = (a, b, c)
        addend = operation.hasAddend ? operands.inputs[2] : nil
        scale = operation.scale
        // Equal parts of whole vectors, an even number of them where there are few.
        let parts = max(4, (c.rows + 511) / 512)
        let height = min(c.rows, ((c.rows + parts - 1) / parts + 15) / 16 * 16)
        self.height = height
        func product(_ rows: Int) -> BlockProduct {
            operands.products.product(
                BlockProductShape(
                    m: c.columns, n: rows, k: a.rows, transposesA: true, transposesB: false, strideA: b.rowStride, strideB: a.rowStride,
                    strideC: height, inputType: .bfloat16, outputType: .float32, accumulates: false))
        }
        let rest = c.rows - (c.rows - 1) / height * height
        whole = product(height)
        last = rest == height ? whole : product(rest)
    }

    private var stageBytes: Int { RowBuffer.byteCount(16 * height) }
    override var scratchByteCount: Int { stageBytes + max(whole.scratchByteCount, last.scratchByteCount) }
    override func blockCount(_ phase: Int) -> Int { (c.rows + height - 1) / height }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let top = block * height
        let rows = min(height, c.rows - top)
        let product = rows == height ? whole : last
        let status = product.run(
            b.base, a.address(0, top), workspace.scratch, scratch: workspace.scratch + stageBytes, thread: workspace.thread)
        if status != 0 { workspace.failure.pointee = status }
        let stage = workspace.scratch.assumingMemoryBound(to: Float.self)
        let factor = Vector.broadcast(scale)
        for row in 0..<rows {
            var numbers = Vector.zero
            for column in 0..<c.columns { numbers[column] = stage[column * height + row] }
            let sum = addend.map { loadPart($0.floats(top + row), c.columns).addingProduct(numbers, factor) } ?? numbers * factor
            storePart(sum, c.floats(top + row), c.columns)
        }
    }
}
