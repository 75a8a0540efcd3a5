import Graph
import Tensors

extension LayerNorm: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { LayerNormKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// Layer normalisation of each row: its mean, the distances from it, the result, while the row is
/// in the nearest cache.
final class LayerNormKernel: Kernel {
    private let epsilon: Float
    private let (x, weight, bias): (Matrix, Matrix, Matrix)
    private let (y, statistics): (Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: LayerNorm, inputs: [Matrix], outputs: [Matrix]) {
        epsilon = operation.epsilon
        (x, weight, bias) = (inputs[0], inputs[1], inputs[2])
        (y, statistics) = (outputs[0], outputs[1])
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 4 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer, weightBuffer, biasBuffer) = (buffers.next(), buffers.next(), buffers.next(), buffers.next())
        let columns = x.columns
        let (weight, bias) = (weight.row(0, weightBuffer), bias.row(0, biasBuffer))
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            let mean = RowSum.total(source, columns) / Float(columns)
            let center = Vector.broadcast(mean)
            let variance = RowSum.squaredDistance(source, from: center, columns) / Float(columns)
            let r = 1 / (variance + epsilon).squareRoot()
            let result = statistics.floats(row)
            (result[0], result[1]) = (mean, r)
            var i = 0
            while i + 16 <= columns {
                store(load(bias + i).addingProduct((load(source + i) - center) * r, load(weight + i)), target + i)
                i += 16
            }
            let rest = columns - i
            if rest > 0 {
                let normalised = (loadPart(source + i, rest) - center) * r
                storePart(loadPart(bias + i, rest).addingProduct(normalised, loadPart(weight + i, rest)), target + i, rest)
            }
            y.finishRow(row, target)
        }
    }
}
