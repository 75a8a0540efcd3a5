import Graph
import Tensors

extension ColumnSum: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ColumnSumOfRowsKernel(x: operands.inputs[0], accumulator: operands.inputs[1], target: operands.outputs[0])
    }
}

/// `accumulator[j] += sum over t of x[t, j]`.
final class ColumnSumOfRowsKernel: ColumnSumKernel {
    private let x: Matrix

    init(x: Matrix, accumulator: Matrix, target: Matrix) {
        self.x = x
        super.init(rows: x.rows, accumulator: accumulator, target: target)
    }

    override var scratchByteCount: Int { RowBuffer.byteCount(x.columns) }

    override func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
        let source = x.row(row, workspace.scratch.assumingMemoryBound(to: Float.self))
        let columns = x.columns
        var i = 0
        while i + 16 <= columns {
            store(load(sums + i) + load(source + i), sums + i)
            i += 16
        }
        if i < columns { storePart(loadPart(sums + i, columns - i) + loadPart(source + i, columns - i), sums + i, columns - i) }
    }
}
