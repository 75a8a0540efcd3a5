import Graph
import Tensors

extension ExpertBias: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertBiasKernel(operands) }
}

/// `y[p, :] = x[p, :] + bias[e, :]` for the rows of each expert.
final class ExpertBiasKernel: Kernel {
    private let (x, bias, offsets, y): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operands: KernelOperands) {
        (x, bias, offsets) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        y = operands.outputs[0]
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
        super.init()
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, biasBuffer, yBuffer) = (buffers.next(), buffers.next(), buffers.next())
        let (columns, rows) = (x.columns, blocks.rows(of: block))
        var expert = 0
        while expert + 1 < bias.rows, Int(offsets.integers(expert + 1)[0]) <= rows.lowerBound { expert += 1 }
        var own = bias.row(expert, biasBuffer)
        for row in rows {
            let before = expert
            while expert + 1 < bias.rows, Int(offsets.integers(expert + 1)[0]) <= row { expert += 1 }
            if expert != before { own = bias.row(expert, biasBuffer) }
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            var i = 0
            while i + 16 <= columns {
                store(load(source + i) + load(own + i), target + i)
                i += 16
            }
            if i < columns { storePart(loadPart(source + i, columns - i) + loadPart(own + i, columns - i), target + i, columns - i) }
            y.finishRow(row, target)
        }
    }
}
