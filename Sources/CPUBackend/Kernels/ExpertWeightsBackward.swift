import Graph
import Tensors

extension ExpertWeightsBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertWeightsBackwardKernel(operands) }
}

/// `dx[p, :] = weights[t, j] * dy[p, :]`, `dweights[t, j] = dy[p, :] · x[p, :]`.
final class ExpertWeightsBackwardKernel: Kernel {
    private let (dy, x, weights, places): (Matrix, Matrix, Matrix, Matrix)
    private let (dx, dWeights): (Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operands: KernelOperands) {
        (dy, x, weights, places) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.inputs[3])
        (dx, dWeights) = (operands.outputs[0], operands.outputs[1])
        blocks = RowBlocks(rows: places.rows, columns: 2 * x.columns * places.columns)
        super.init()
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (dyBuffer, xBuffer, dxBuffer) = (buffers.next(), buffers.next(), buffers.next())
        for row in blocks.rows(of: block) {
            let (own, factors, slopes) = (places.integers(row), weights.floats(row), dWeights.floats(row))
            for choice in 0..<places.columns {
                let place = Int(own[choice])
                guard place >= 0, place < x.rows else {
                    slopes[choice] = 0
                    continue
                }
                let gradient = dy.row(place, dyBuffer)
                let factor = factors[choice]
                // The weights' gradient first: dx may lie where dy does.
                slopes[choice] = RowSum.product(gradient, x.row(place, xBuffer), x.columns)
                let target = dx.rowTarget(place, dxBuffer)
                RowFactor.multiply(gradient, by: factor, into: target, x.columns)
                dx.finishRow(place, target)
            }
        }
    }
}
