import Graph

extension ShortConvolutionBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ShortConvolutionKernel(operands, isBackward: true) }
}
