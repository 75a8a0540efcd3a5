import Graph

extension Multiply: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { MultiplyKernel(inputs: operands.inputs, outputs: operands.outputs) }
}

/// `y = a * b`, element by element.
final class MultiplyKernel: ElementwiseKernel {
    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (a, b, y) = (operands[0], operands[1], operands[2])
        var i = 0
        while i < count {
            let part = min(16, count - i)
            storePart(loadPart(a + i, part) * loadPart(b + i, part), y + i, part)
            i += 16
        }
    }
}
