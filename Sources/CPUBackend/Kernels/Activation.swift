import Graph

extension Activation: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ActivationKernel(function, inputs: operands.inputs, outputs: operands.outputs) }
}

/// `y = f(x)`, element by element; may be written over `x`.
final class ActivationKernel: ElementwiseKernel {
    private let function: ActivationFunction

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        self.function = function
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (x, y) = (operands[0], operands[1])
        var i = 0
        switch function {
        case .silu:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.silu(loadPart(x + i, part)), y + i, part)
                i += 16
            }
        case .gelu:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.gelu(loadPart(x + i, part)), y + i, part)
                i += 16
            }
        case .geluTanh:
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.geluTanh(loadPart(x + i, part)), y + i, part)
                i += 16
            }
        }
    }
}
