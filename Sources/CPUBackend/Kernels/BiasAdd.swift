import Graph
import Tensors

extension BiasAdd: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        BiasAddKernel(x: operands.inputs[0], bias: operands.inputs[1], y: operands.outputs[0])
    }
}

/// `y[t, :] = x[t, :] + bias`.
final class BiasAddKernel: Kernel {
    private let x: Matrix
    private let bias: Matrix
    private let y: Matrix
    private let blocks: RowBlocks

    init(x: Matrix, bias: Matrix, y: Matrix) {
        self.x = x
        self.bias = bias
        self.y = y
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, biasBuffer, yBuffer) = (buffers.next(), buffers.next(), buffers.next())
        let columns = x.columns
        let bias = bias.row(0, biasBuffer)
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            var i = 0
            while i + 16 <= columns {
                store(load(source + i) + load(bias + i), target + i)
                i += 16
            }
            if i < columns { storePart(loadPart(source + i, columns - i) + loadPart(bias + i, columns - i), target + i, columns - i) }
            y.finishRow(row, target)
        }
    }
}
