import Graph

extension MuonStep: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { MuonStepKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// `p * (1 - rate * weightDecay) - rate * scale * x`; nothing where the norm is not finite.
final class MuonStepKernel: ElementwiseKernel {
    private let operation: MuonStep
    private let (clip, scalars): (Matrix, Matrix)

    /// - Parameter inputs: parameter, x, clip `[1, 2]`, scalars `[1, n]`.
    init(_ operation: MuonStep, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        (clip, scalars) = (inputs[2], inputs[3])
        super.init(inputs: Array(inputs.prefix(2)), outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (parameter, x, result) = (operands[0], operands[1], operands[2])
        guard clip.floats(0)[0].isFinite else {
            if result != parameter { result.update(from: parameter, count: count) }
            return
        }
        let rate = Double(scalars.floats(0)[0])
        let (decay, size) = (Float(1 - rate * Double(operation.weightDecay)), Float(rate * Double(operation.scale)))
        for place in 0..<count { result[place] = parameter[place] * decay - size * x[place] }
    }
}
