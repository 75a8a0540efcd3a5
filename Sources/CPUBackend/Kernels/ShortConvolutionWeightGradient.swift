import Graph
import Tensors

extension ShortConvolutionWeightGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ShortConvolutionWeightGradientKernel(operands) }
}

/// `accumulator[c, taps - 1 - j] += sum over i of dy[i, c] * x[i - j, c]`, some columns at a time.
final class ShortConvolutionWeightGradientKernel: Kernel {
    private let (dy, x, ranges, accumulator, target): (Matrix, Matrix, Matrix, Matrix, Matrix)
    private static let columnsPerBlock = 16

    init(_ operands: KernelOperands) {
        (dy, x, ranges) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        (accumulator, target) = (operands.inputs[3], operands.outputs[0])
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { (dy.columns + Self.columnsPerBlock - 1) / Self.columnsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let first = block * Self.columnsPerBlock
        let count = min(Self.columnsPerBlock, dy.columns - first)
        let taps = accumulator.columns
        withUnsafeTemporaryAllocation(of: Float.self, capacity: (taps + 2) * Self.columnsPerBlock) { room in
            guard let sums = room.baseAddress else { return }
            let (ownBuffer, otherBuffer) = (sums + taps * Self.columnsPerBlock, sums + (taps + 1) * Self.columnsPerBlock)
            sums.update(repeating: 0, count: taps * Self.columnsPerBlock)
            for row in 0..<dy.rows {
                let range = ranges.integers(row)
                let (start, end) = (max(0, Int(range[0])), min(x.rows, Int(range[1])))
                guard start < end else { continue }
                RowConversion.widen(dy.address(row, first), dy.elementType, to: ownBuffer, count: count)
                let own = loadPart(ownBuffer, count)
                for tap in 0..<taps where row - tap >= start && row - tap < end {
                    RowConversion.widen(x.address(row - tap, first), x.elementType, to: otherBuffer, count: count)
                    let place = sums + tap * Self.columnsPerBlock
                    store(load(place).addingProduct(own, loadPart(otherBuffer, count)), place)
                }
            }
            for column in 0..<count {
                let (before, result) = (accumulator.floats(first + column), target.floats(first + column))
                for tap in 0..<taps {
                    result[taps - 1 - tap] = before[taps - 1 - tap] + sums[tap * Self.columnsPerBlock + column]
                }
            }
        }
    }
}
