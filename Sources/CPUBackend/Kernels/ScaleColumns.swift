import Graph
import Tensors

extension ScaleColumns: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ScaleColumnsKernel(
            x: operands.inputs[0], magnitudes: operands.inputs[1], inverses: operands.inputs[2], y: operands.outputs[0])
    }
}

/// `y[t, j] = x[t, j] * magnitudes[j] * inverses[j]`; may be written over `x`.
final class ScaleColumnsKernel: Kernel {
    private let (x, magnitudes, inverses, y): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(x: Matrix, magnitudes: Matrix, inverses: Matrix, y: Matrix) {
        (self.x, self.magnitudes, self.inverses, self.y) = (x, magnitudes, inverses, y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        let columns = x.columns
        let (magnitudes, inverses) = (magnitudes.floats(0), inverses.floats(0))
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            var i = 0
            while i + 16 <= columns {
                store(load(source + i) * (load(magnitudes + i) * load(inverses + i)), target + i)
                i += 16
            }
            let rest = columns - i
            if rest > 0 {
                let factors = loadPart(magnitudes + i, rest) * loadPart(inverses + i, rest)
                storePart(loadPart(source + i, rest) * factors, target + i, rest)
            }
            y.finishRow(row, target)
        }
    }
}
