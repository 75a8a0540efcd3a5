import Graph
import Tensors

extension ScaleColumnsBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ScaleColumnsBackwardKernel(inputs: operands.inputs, target: operands.outputs[0])
    }
}

/// `accumulator[j] += sum over t of dy[t, j] * x[t, j] * inverses[j]`.
final class ScaleColumnsBackwardKernel: ColumnSumKernel {
    private let (dy, x, inverses): (Matrix, Matrix, Matrix)

    init(inputs: [Matrix], target: Matrix) {
        (dy, x, inverses) = (inputs[0], inputs[1], inputs[2])
        super.init(rows: inputs[0].rows, accumulator: inputs[3], target: target)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }

    override func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let dy = dy.row(row, buffers.next())
        let x = x.row(row, buffers.next())
        let inverses = inverses.floats(0)
        let columns = accumulator.columns
        var i = 0
        while i + 16 <= columns {
            store(load(sums + i).addingProduct(load(dy + i) * load(x + i), load(inverses + i)), sums + i)
            i += 16
        }
        let rest = columns - i
        if rest > 0 {
            let products = loadPart(dy + i, rest) * loadPart(x + i, rest)
            storePart(loadPart(sums + i, rest).addingProduct(products, loadPart(inverses + i, rest)), sums + i, rest)
        }
    }
}
