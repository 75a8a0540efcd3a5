import Graph
import Tensors

extension LayerNormBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { LayerNormBackwardKernel(self, inputs: operands.inputs, dx: operands.outputs[0]) }
}

/// The gradient of layer normalisation with respect to its input, plus what came another way; may
/// be written over the addend.
final class LayerNormBackwardKernel: Kernel {
    private let (dy, x, weight, statistics): (Matrix, Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let dx: Matrix
    private let blocks: RowBlocks

    init(_ operation: LayerNormBackward, inputs: [Matrix], dx: Matrix) {
        (dy, x, weight, statistics) = (inputs[0], inputs[1], inputs[2], inputs[3])
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
        let columns = dx.columns
        let count = Float(columns)
        let weight = weight.row(0, weightBuffer)
        for row in blocks.rows(of: block) {
            let (dy, x) = (dy.row(row, dyBuffer), x.row(row, xBuffer))
            let addend = addend?.row(row, addendBuffer)
            let target = dx.rowTarget(row, dxBuffer)
            let (mean, r) = (statistics.floats(row)[0], statistics.floats(row)[1])
            let center = Vector.broadcast(mean)
            let shift = Vector.broadcast(-r / count * RowSum.product(dy, weight, columns))
            let slope = Vector.broadcast(-(r * r * r) / count * RowSum.product(dy, weight, x, offset: -center, columns))
            var i = 0
            while i + 16 <= columns {
                var base = shift.addingProduct(load(x + i) - center, slope)
                if let addend { base += load(addend + i) }
                store(base.addingProduct(load(dy + i) * load(weight + i), .broadcast(r)), target + i)
                i += 16
            }
            let rest = columns - i
            if rest > 0 {
                var base = shift.addingProduct(loadPart(x + i, rest) - center, slope)
                if let addend { base += loadPart(addend + i, rest) }
                storePart(base.addingProduct(loadPart(dy + i, rest) * loadPart(weight + i, rest), .broadcast(r)), target + i, rest)
            }
            dx.finishRow(row, target)
        }
    }
}
