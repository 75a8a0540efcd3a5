import Graph
import Tensors

extension AttentionDelta: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AttentionDeltaKernel(dO: operands.inputs[0], o: operands.inputs[1], delta: operands.outputs[0])
    }
}

/// For each row and head the product of output and output gradient.
final class AttentionDeltaKernel: Kernel {
    private let (dO, o, delta): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(dO: Matrix, o: Matrix, delta: Matrix) {
        (self.dO, self.o, self.delta) = (dO, o, delta)
        blocks = RowBlocks(rows: o.rows, columns: o.columns)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(o.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: o.columns)
        let (first, second) = (buffers.next(), buffers.next())
        let width = o.columns / delta.columns
        for row in blocks.rows(of: block) {
            let (a, b) = (dO.row(row, first), o.row(row, second))
            let target = delta.floats(row)
            for head in 0..<delta.columns { target[head] = RowSum.product(a + head * width, b + head * width, width) }
        }
    }
}
