import Graph
import Tensors

extension EmbeddingBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        EmbeddingBackwardKernel(
            self, dy: operands.inputs[0], tokens: operands.inputs[1], accumulator: operands.inputs[2], target: operands.outputs[0])
    }
}

/// `accumulator[tokens[t], :] += scale * dy[t, :]`: blocks are columns, and each walks the tokens
/// in ascending order.
final class EmbeddingBackwardKernel: Kernel {
    private let scale: Float
    private let firstRow: Int
    private let (dy, tokens, accumulator, target): (Matrix, Matrix, Matrix, Matrix)
    private let blockWidth: Int

    init(_ operation: EmbeddingBackward, dy: Matrix, tokens: Matrix, accumulator: Matrix, target: Matrix) {
        scale = operation.scale
        firstRow = operation.firstRow
        (self.dy, self.tokens, self.accumulator, self.target) = (dy, tokens, accumulator, target)
        // Enough blocks for many threads, none narrower than a vector.
        blockWidth = max(16, (dy.columns / 32 + 15) / 16 * 16)
    }

    override var scratchByteCount: Int { RowBuffer.byteCount(blockWidth) }
    override func blockCount(_ phase: Int) -> Int { (dy.columns + blockWidth - 1) / blockWidth }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let start = block * blockWidth
        let count = min(blockWidth, dy.columns - start)
        let buffer = workspace.scratch.assumingMemoryBound(to: Float.self)
        if target.base != accumulator.base {
            for row in 0..<target.rows { target.floats(row, start).update(from: accumulator.floats(row, start), count: count) }
        }
        for row in 0..<dy.rows {
            let token = Int(tokens.integers(row)[0]) - firstRow
            guard token >= 0, token < accumulator.rows else { continue }
            var source = buffer
            if dy.elementType == .float32 {
                source = dy.floats(row, start)
            } else {
                RowConversion.widen(dy.address(row, start), dy.elementType, to: buffer, count: count)
            }
            let sums = target.floats(token, start)
            let factor = Vector.broadcast(scale)
            var i = 0
            while i + 16 <= count {
                store(load(sums + i).addingProduct(load(source + i), factor), sums + i)
                i += 16
            }
            if i < count {
                storePart(loadPart(sums + i, count - i).addingProduct(loadPart(source + i, count - i), factor), sums + i, count - i)
            }
        }
    }
}
