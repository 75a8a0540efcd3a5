import Graph

extension GatedActivation: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        GatedActivationKernel(function, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// `y = f(gate) * up`, element by element.
final class GatedActivationKernel: ElementwiseKernel {
    private let function: ActivationFunction

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        self.function = function
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (gate, up, y) = (operands[0], operands[1], operands[2])
        // One body for whole vectors and the last part, so that the curve is compiled into it.
        var i = 0
        switch function {
        case .silu:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.silu(loadPart(gate + i, part)) * loadPart(up + i, part), y + i, part)
                i += 16
            }
        case .gelu:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.gelu(loadPart(gate + i, part)) * loadPart(up + i, part), y + i, part)
                i += 16
            }
        case .geluTanh:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.geluTanh(loadPart(gate + i, part)) * loadPart(up + i, part), y + i, part)
                i += 16
            }
        }
    }
}
