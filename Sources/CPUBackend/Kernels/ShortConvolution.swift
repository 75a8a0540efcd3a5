import Graph
import Tensors

extension ShortConvolution: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ShortConvolutionKernel(operands, isBackward: false) }
}

/// A causal convolution of each column with its taps, or its gradient, which looks the other way.
final class ShortConvolutionKernel: Kernel {
    private let (x, weight, ranges, y): (Matrix, Matrix, Matrix, Matrix)
    private let isBackward: Bool
    private let blocks: RowBlocks

    /// - Parameter isBackward: ranges are those of queries, and rows are taken from behind.
    init(_ operands: KernelOperands, isBackward: Bool) {
        (x, weight, ranges) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        y = operands.outputs[0]
        self.isBackward = isBackward
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
        super.init()
    }

    override var scratchByteCount: Int { TapSums.scratchByteCount(weight) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let sums = TapSums(weight, workspace.scratch)
        for row in blocks.rows(of: block) {
            let range = ranges.integers(row)
            let (first, end) = (max(0, Int(range[0])), min(x.rows, Int(range[1])))
            sums.put(into: y.address(row), y.elementType, from: x.elementType) { tap in
                let other = isBackward ? row + tap : row - tap
                return first < end && other >= first && other < end ? x.address(other) : nil
            }
        }
    }
}
