import Graph
import Tensors

extension ShortConvolution: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ShortConvolutionKernel(operands, isBackward: false) }
}

/// A causal convolution of each column with its taps, or its gradient, which looks the other way.
final class ShortConvolutionKernel: ConvolutionKernel {
    private let (x, ranges): (Matrix, Matrix)
    private let isBackward: Bool

    /// - Parameter isBackward: ranges are those of queries, and rows are taken from behind.
    init(_ operands: KernelOperands, isBackward: Bool) {
        (x, ranges) = (operands.inputs[0], operands.inputs[2])
        self.isBackward = isBackward
        super.init(weight: operands.inputs[1], from: x.elementType, to: operands.outputs[0])
    }

    override func place(_ row: Int, _ tap: Int) -> UnsafeMutableRawPointer? {
        let range = ranges.integers(row)
        let (first, end) = (max(0, Int(range[0])), min(x.rows, Int(range[1])))
        let other = isBackward ? row + tap : row - tap
        return first < end && other >= first && other < end ? x.address(other) : nil
    }
}
