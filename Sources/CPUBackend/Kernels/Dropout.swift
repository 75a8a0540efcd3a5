import Graph
import Tensors

extension Dropout: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        DropoutKernel(self, x: operands.inputs[0], randomState: operands.inputs[1], y: operands.outputs[0])
    }
}

/// Sets elements to zero by counter-based random words and scales the others; may be written over
/// its input.
final class DropoutKernel: Kernel {
    private let operation: Dropout
    private let (x, randomState, y): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: Dropout, x: Matrix, randomState: Matrix, y: Matrix) {
        self.operation = operation
        (self.x, self.randomState, self.y) = (x, randomState, y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { RowDrawing.byteCount + 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let drawing = RowDrawing(randomState, stream: operation.stream, scratch: workspace.scratch)
        var buffers = RowBuffer(workspace.scratch + RowDrawing.byteCount, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        // Rounded as the definition says; a rate of 1 drops everything and divides by nothing.
        let threshold = UInt32(clamping: UInt64(Double(operation.rate) * 4_294_967_296))
        let scale = operation.rate < 1 ? 1 / (1 - operation.rate) : 0
        let columns = x.columns
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            drawing.forEachPiece(ofRow: operation.firstRow + row, columns: columns) { drawn, start, count in
                Self.apply(drawn, threshold, scale, source + start, target + start, count)
            }
            y.finishRow(row, target)
        }
    }

    @inline(never)
    private static func apply(
        _ drawn: UnsafePointer<UInt32>, _ threshold: UInt32, _ scale: Float, _ source: UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>,
        _ count: Int
    ) {
        // A plain loop: the compiler makes vector code of it, which it does not of comparisons of
        // integer vectors.
        for i in 0..<count { target[i] = drawn[i] >= threshold ? source[i] * scale : 0 }
    }
}
