import Graph

extension Scale: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ScaleKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// `y = factor * x`, element by element; may be written over `x`.
final class ScaleKernel: ElementwiseKernel {
    private let factor: Float

    init(_ operation: Scale, inputs: [Matrix], outputs: [Matrix]) {
        factor = operation.factor
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (x, y) = (operands[0], operands[1])
        var i = 0
        while i + 16 <= count {
            store(load(x + i) * factor, y + i)
            i += 16
        }
        if i < count { storePart(loadPart(x + i, count - i) * factor, y + i, count - i) }
    }
}
