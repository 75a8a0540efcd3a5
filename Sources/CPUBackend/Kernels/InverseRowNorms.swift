import Graph
import Tensors

extension InverseRowNorms: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        InverseRowNormsKernel(scale: scale, inputs: operands.inputs, y: operands.outputs[0])
    }
}

/// One over the length of each row of `W + scale * B A`. Sums are float64: they are few.
final class InverseRowNormsKernel: Kernel {
    private let (squares, products, b, h, y): (Matrix, Matrix, Matrix, Matrix, Matrix)
    private let scale: Double
    private static let rowsPerBlock = 256

    init(scale: Float, inputs: [Matrix], y: Matrix) {
        (squares, products, b, h) = (inputs[0], inputs[1], inputs[2], inputs[3])
        self.y = y
        self.scale = Double(scale)
    }

    override var scratchByteCount: Int { RowBuffer.byteCount(b.columns) }
    override func blockCount(_ phase: Int) -> Int { (b.rows + Self.rowsPerBlock - 1) / Self.rowsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let buffer = workspace.scratch.assumingMemoryBound(to: Float.self)
        let (source, result) = (squares.floats(0), y.floats(0))
        for row in block * Self.rowsPerBlock..<min(b.rows, (block + 1) * Self.rowsPerBlock) {
            let (factors, second) = (b.row(row, buffer), h.floats(row))
            var sum = Double(source[row])
            for k in 0..<b.columns {
                let first = Double(products.floats(k)[row])
                sum += Double(factors[k]) * (2 * scale * first + scale * scale * Double(second[k]))
            }
            result[row] = sum > 0 ? Float(1 / sum.squareRoot()) : 0
        }
    }
}
