import Graph
import Tensors

extension RMSNorm: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        RMSNormKernel(self, x: operands.inputs[0], weight: operands.inputs[1], y: operands.outputs[0], inverseRMS: operands.outputs[1])
    }
}

/// Root-mean-square normalisation of each group of columns in each row, in one pass over memory.
final class RMSNormKernel: Kernel {
    private let operation: RMSNorm
    private let (x, weight, y, inverseRMS): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: RMSNorm, x: Matrix, weight: Matrix, y: Matrix, inverseRMS: Matrix) {
        self.operation = operation
        (self.x, self.weight, self.y, self.inverseRMS) = (x, weight, y, inverseRMS)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer, weightBuffer) = (buffers.next(), buffers.next(), buffers.next())
        let width = weight.columns
        let weight = weight.row(0, weightBuffer)
        let offset = Vector.broadcast(operation.weightOffset)
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            let inverse = inverseRMS.floats(row)
            for group in 0..<operation.groupCount {
                let from = source + group * width
                let to = target + group * width
                let mean = RowSum.product(from, from, width) / Float(width)
                let r = 1 / (mean + operation.epsilon).squareRoot()
                inverse[group] = r
                var i = 0
                while i + 16 <= width {
                    store(load(from + i) * r * (load(weight + i) + offset), to + i)
                    i += 16
                }
                let rest = width - i
                if rest > 0 { storePart(loadPart(from + i, rest) * r * (loadPart(weight + i, rest) + offset), to + i, rest) }
            }
            y.finishRow(row, target)
        }
    }
}
