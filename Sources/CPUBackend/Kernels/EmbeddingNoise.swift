import Graph
import Tensors

extension EmbeddingNoise: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        EmbeddingNoiseKernel(self, inputs: operands.inputs, y: operands.outputs[0])
    }
}

/// Adds counter-based noise to rows, by the lengths of their examples; may be written over its
/// input.
final class EmbeddingNoiseKernel: Kernel {
    private let operation: EmbeddingNoise
    private let (x, keyRanges, queryRanges, randomState, y): (Matrix, Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks
    init(_ operation: EmbeddingNoise, inputs: [Matrix], y: Matrix) {
        self.operation = operation
        (x, keyRanges, queryRanges, randomState, self.y) = (inputs[0], inputs[1], inputs[2], inputs[3], y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { RowDrawing.byteCount + 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let drawing = RowDrawing(randomState, stream: operation.stream, scratch: workspace.scratch)
        var buffers = RowBuffer(workspace.scratch + RowDrawing.byteCount, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        let columns = x.columns
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            let length = Float(queryRanges.integers(row)[1] - keyRanges.integers(row)[0])
            let scale = length > 0 ? operation.alpha / (length * Float(columns)).squareRoot() : 0
            drawing.forEachPiece(ofRow: operation.firstRow + row, columns: columns) { drawn, start, count in
                for i in 0..<count { target[start + i] = source[start + i] + scale * (Float(drawn[i] >> 8) * 0x1p-23 - 1) }
            }
            y.finishRow(row, target)
        }
    }
}
