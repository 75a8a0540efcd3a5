import Graph

extension Normalize: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { NormalizeKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// `x / max(sqrt(sum), 1e-7)`; may be written over `x`.
final class NormalizeKernel: ElementwiseKernel {
    private let sum: Matrix

    init(_ operation: Normalize, inputs: [Matrix], outputs: [Matrix]) {
        sum = inputs[1]
        super.init(inputs: [inputs[0]], outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let norm = max(sum.floats(0)[0].squareRoot(), 1e-7)
        for place in 0..<count { operands[1][place] = operands[0][place] / norm }
    }
}
