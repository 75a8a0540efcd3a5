import Graph

extension Add: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AddKernel(inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// `c = a + b`, element by element.
final class AddKernel: ElementwiseKernel {
    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (a, b, c) = (operands[0], operands[1], operands[2])
        var i = 0
        while i + 16 <= count {
            store(load(a + i) + load(b + i), c + i)
            i += 16
        }
        if i < count { storePart(loadPart(a + i, count - i) + loadPart(b + i, count - i), c + i, count - i) }
    }
}
