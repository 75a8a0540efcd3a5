import Graph

extension ActivationBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ActivationBackwardKernel(function, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// `dx = dy * f'(x)`; may be written over `x`.
final class ActivationBackwardKernel: ElementwiseKernel {
    private let function: ActivationFunction

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        self.function = function
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (dy, x, dx) = (operands[0], operands[1], operands[2])
        var i = 0
        switch function {
        case .silu:
            while i < count {
                let part = min(16, count - i)
                let (_, slope) = ActivationCurve.siluAndSlope(loadPart(x + i, part))
                storePart(loadPart(dy + i, part) * slope, dx + i, part)
                i += 16
            }
        case .gelu:
            while i < count {
                let part = min(16, count - i)
                let (_, slope) = ActivationCurve.geluAndSlope(loadPart(x + i, part))
                storePart(loadPart(dy + i, part) * slope, dx + i, part)
                i += 16
            }
        case .geluTanh:
            while i < count {
                let part = min(16, count - i)
                let (_, slope) = ActivationCurve.geluTanhAndSlope(loadPart(x + i, part))
                storePart(loadPart(dy + i, part) * slope, dx + i, part)
                i += 16
            }
        }
    }
}
