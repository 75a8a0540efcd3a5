import Graph
import Tensors

extension RMSNormBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        RMSNormBackwardKernel(self, inputs: operands.inputs, dx: operands.outputs[0])
    }
}

/// The gradient of RMS normalisation with respect to its input, plus what came another way; may be
/// written over the addend.
final class RMSNormBackwardKernel: Kernel {
    private let operation: RMSNormBackward
    private let (dy, x, weight, inverseRMS): (Matrix, Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let dx: Matrix
    private let blocks: RowBlocks

    init(_ operation: RMSNormBackward, inputs: [Matrix], dx: Matrix) {
        self.operation = operation
        (dy, x, weight, inverseRMS) = (inputs[0], inputs[1], inputs[2], inputs[3])
        addend = operation.hasAddend ? inputs[4] : nil
        self.dx = dx
        blocks = RowBlocks(rows: dx.rows, columns: dx.columns)
    }

    override var scratchByteCount: Int { 5 * RowBuffer.byteCount(dx.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: dx.columns)
        let (dyBuffer, xBuffer, weightBuffer, addendBuffer, dxBuffer) = (
            buffers.next(), buffers.next(), buffers.next(), buffers.next(), buffers.next()
        )
        let width = weight.columns
        let weight = weight.row(0, weightBuffer)
        let offset = Vector.broadcast(operation.weightOffset)
        for row in blocks.rows(of: block) {
            let dyRow = dy.row(row, dyBuffer)
            let xRow = x.row(row, xBuffer)
            let addendRow = addend?.row(row, addendBuffer)
            let target = dx.rowTarget(row, dxBuffer)
            let inverse = inverseRMS.floats(row)
            for group in 0..<operation.groupCount {
                let start = group * width
                let (dy, x, dx) = (dyRow + start, xRow + start, target + start)
                let r = inverse[group]
                let sum = RowSum.product(dy, x, weight, offset: offset, width)
                let slope = Vector.broadcast(-(r * r * r) / Float(width) * sum)
                var i = 0
                if let addendRow {
                    let addend = addendRow + start
                    while i + 16 <= width {
                        let g = load(dy + i) * (load(weight + i) + offset)
                        store(load(addend + i).addingProduct(load(x + i), slope).addingProduct(g, .broadcast(r)), dx + i)
                        i += 16
                    }
                } else {
                    while i + 16 <= width {
                        let g = load(dy + i) * (load(weight + i) + offset)
                        store((g * r).addingProduct(load(x + i), slope), dx + i)
                        i += 16
                    }
                }
                let rest = width - i
                if rest > 0 {
                    let g = loadPart(dy + i, rest) * (loadPart(weight + i, rest) + offset)
                    var result = (g * r).addingProduct(loadPart(x + i, rest), slope)
                    if let addendRow { result += loadPart(addendRow + start + i, rest) }
                    storePart(result, dx + i, rest)
                }
            }
            dx.finishRow(row, target)
        }
    }
}
