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
    private static let piece = 1_024
    private static let randomBytes = (piece + 64) * 4

    init(_ operation: EmbeddingNoise, inputs: [Matrix], y: Matrix) {
        self.operation = operation
        (x, keyRanges, queryRanges, randomState, self.y) = (inputs[0], inputs[1], inputs[2], inputs[3], y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { Self.randomBytes + 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let state = randomState.base.assumingMemoryBound(to: UInt32.self)
        let step = randomState.columns == 4 ? 1 : randomState.rowStride
        let generator = Philox(
            key: (state[0], state[step]), stream: operation.stream, step: state[2 * step], microBatch: state[3 * step])
        let words = workspace.scratch.assumingMemoryBound(to: UInt32.self)
        var buffers = RowBuffer(workspace.scratch + Self.randomBytes, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        let columns = x.columns
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            let length = Float(queryRanges.integers(row)[1] - keyRanges.integers(row)[0])
            let scale = length > 0 ? operation.alpha / (length * Float(columns)).squareRoot() : 0
            var start = 0
            while start < columns {
                let count = min(Self.piece, columns - start)
                let element = UInt64(operation.firstRow + row) * UInt64(columns) + UInt64(start)
                generator.fill(words, from: element / 4, wordCount: count + 3)
                let drawn = UnsafePointer(words) + Int(element % 4)
                for i in 0..<count { target[start + i] = source[start + i] + scale * (Float(drawn[i] >> 8) * 0x1p-23 - 1) }
                start += count
            }
            y.finishRow(row, target)
        }
    }
}
