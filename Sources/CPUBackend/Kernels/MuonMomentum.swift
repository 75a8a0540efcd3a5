import Graph

extension MuonMomentum: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { MuonMomentumKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// Momentum and direction of Muon, one pass over gradient and momentum; the gradient is left zero.
final class MuonMomentumKernel: ElementwiseKernel {
    private let operation: MuonMomentum
    private let clip: Matrix
    private let rest: Float

    /// - Parameter inputs: gradient, momentum, clip `[1, 2]`.
    init(_ operation: MuonMomentum, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        clip = inputs[2]
        // From the decimal number that was meant: the difference of float32 numbers has few correct
        // digits.
        rest = Float(1 - (Double("\(operation.momentum)") ?? Double(operation.momentum)))
        super.init(inputs: Array(inputs.prefix(2)), outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (gradient, momentum) = (operands[0], operands[1])
        let (direction, newGradient, newMomentum) = (operands[2], operands[3], operands[4])
        let (isFinite, factor, decay) = (clip.floats(0)[0].isFinite, clip.floats(0)[1], operation.momentum)
        for place in 0..<count {
            guard isFinite else {
                (direction[place], newGradient[place], newMomentum[place]) = (0, 0, momentum[place])
                continue
            }
            let share = rest * (gradient[place] * factor)
            let mean = decay * momentum[place] + share
            newMomentum[place] = mean
            direction[place] = operation.isNesterov ? decay * mean + share : mean
            newGradient[place] = 0
        }
    }
}
