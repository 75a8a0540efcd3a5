import Graph
import Tensors

extension RMSNormWeightGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        RMSNormWeightGradientKernel(self, inputs: operands.inputs, target: operands.outputs[0])
    }
}

/// `accumulator[j] += sum over rows and groups of dy * x * inverseRMS`.
final class RMSNormWeightGradientKernel: ColumnSumKernel {
    private let (dy, x, inverseRMS): (Matrix, Matrix, Matrix)
    private let groupCount: Int

    init(_ operation: RMSNormWeightGradient, inputs: [Matrix], target: Matrix) {
        (dy, x, inverseRMS) = (inputs[0], inputs[1], inputs[2])
        groupCount = operation.groupCount
        super.init(rows: inputs[0].rows, accumulator: inputs[3], target: target)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }

    override func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let dyRow = dy.row(row, buffers.next())
        let xRow = x.row(row, buffers.next())
        let width = accumulator.columns
        for group in 0..<groupCount {
            let (dy, x) = (dyRow + group * width, xRow + group * width)
            let r = Vector.broadcast(inverseRMS.floats(row)[group])
            var i = 0
            while i + 16 <= width {
                store(load(sums + i).addingProduct(load(dy + i) * load(x + i), r), sums + i)
                i += 16
            }
            let rest = width - i
            if rest > 0 {
                storePart(loadPart(sums + i, rest).addingProduct(loadPart(dy + i, rest) * loadPart(x + i, rest), r), sums + i, rest)
            }
        }
    }
}
