import Graph
import Tensors

extension LayerNormWeightGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        LayerNormWeightGradientKernel(inputs: operands.inputs, target: operands.outputs[0])
    }
}

/// `accumulator[j] += sum over rows of dy * (x - m) * r`.
final class LayerNormWeightGradientKernel: ColumnSumKernel {
    private let (dy, x, statistics): (Matrix, Matrix, Matrix)

    init(inputs: [Matrix], target: Matrix) {
        (dy, x, statistics) = (inputs[0], inputs[1], inputs[2])
        super.init(rows: inputs[0].rows, accumulator: inputs[3], target: target)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }

    override func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let dy = dy.row(row, buffers.next())
        let x = x.row(row, buffers.next())
        let columns = accumulator.columns
        let (center, r) = (Vector.broadcast(statistics.floats(row)[0]), Vector.broadcast(statistics.floats(row)[1]))
        var i = 0
        while i + 16 <= columns {
            store(load(sums + i).addingProduct(load(dy + i) * (load(x + i) - center), r), sums + i)
            i += 16
        }
        let rest = columns - i
        if rest > 0 {
            storePart(loadPart(sums + i, rest).addingProduct(loadPart(dy + i, rest) * (loadPart(x + i, rest) - center), r), sums + i, rest)
        }
    }
}
