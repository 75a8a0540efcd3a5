import Graph

extension GatedActivationBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        GatedActivationBackwardKernel(function, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// `dGate = dy * up * f'(gate)`, `dUp = dy * f(gate)`; may be written over gate and up.
final class GatedActivationBackwardKernel: ElementwiseKernel {
    private let function: ActivationFunction

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        self.function = function
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (dy, gate, up, dGate, dUp) = (operands[0], operands[1], operands[2], operands[3], operands[4])
        var i = 0
        switch function {
        case .silu:
            while i < count {
                let part = min(16, count - i)
                let (value, slope) = ActivationCurve.siluAndSlope(loadPart(gate + i, part))
                let (d, u) = (loadPart(dy + i, part), loadPart(up + i, part))
                storePart(d * u * slope, dGate + i, part)
                storePart(d * value, dUp + i, part)
                i += 16
            }
        case .gelu:
            while i < count {
                let part = min(16, count - i)
                let (value, slope) = ActivationCurve.geluAndSlope(loadPart(gate + i, part))
                let (d, u) = (loadPart(dy + i, part), loadPart(up + i, part))
                storePart(d * u * slope, dGate + i, part)
                storePart(d * value, dUp + i, part)
                i += 16
            }
        case .geluTanh:
            while i < count {
                let part = min(16, count - i)
                let (value, slope) = ActivationCurve.geluTanhAndSlope(loadPart(gate + i, part))
                let (d, u) = (loadPart(dy + i, part), loadPart(up + i, part))
                storePart(d * u * slope, dGate + i, part)
                storePart(d * value, dUp + i, part)
                i += 16
            }
        }
    }
}
