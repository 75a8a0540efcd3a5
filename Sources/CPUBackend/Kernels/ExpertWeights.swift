import Graph
import Tensors

extension ExpertWeights: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertWeightsKernel(operands) }
}

/// `y[places[t, j], :] = weights[t, j] * x[places[t, j], :]`.
final class ExpertWeightsKernel: Kernel {
    private let (x, weights, places, y): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operands: KernelOperands) {
        (x, weights, places, y) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.outputs[0])
        blocks = RowBlocks(rows: places.rows, columns: x.columns * places.columns)
        super.init()
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        for row in blocks.rows(of: block) {
            let (own, factors) = (places.integers(row), weights.floats(row))
            for choice in 0..<places.columns {
                let place = Int(own[choice])
                guard place >= 0, place < x.rows else { continue }
                let (source, target) = (x.row(place, xBuffer), y.rowTarget(place, yBuffer))
                RowFactor.multiply(source, by: factors[choice], into: target, x.columns)
                y.finishRow(place, target)
            }
        }
    }
}

/// A row times a number.
enum RowFactor {
    @inline(__always)
    static func multiply(_ source: UnsafePointer<Float>, by factor: Float, into target: UnsafeMutablePointer<Float>, _ count: Int) {
        let factor = Vector.broadcast(factor)
        var i = 0
        while i + 16 <= count {
            store(load(source + i) * factor, target + i)
            i += 16
        }
        if i < count { storePart(loadPart(source + i, count - i) * factor, target + i, count - i) }
    }
}
