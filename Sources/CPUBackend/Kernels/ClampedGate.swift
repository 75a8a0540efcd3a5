import Graph

extension ClampedGate: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ClampedGateKernel(shape, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// `y = (u + 1) * g * sigmoid(alpha * g)` of what is cut at a limit, element by element.
final class ClampedGateKernel: ElementwiseKernel {
    private let shape: ClampedGateShape

    init(_ shape: ClampedGateShape, inputs: [Matrix], outputs: [Matrix]) {
        self.shape = shape
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (gate, up, y) = (operands[0], operands[1], operands[2])
        let (alpha, limit) = (Vector.broadcast(shape.alpha), Vector.broadcast(shape.limit))
        var i = 0
        while i < count {
            let part = min(16, count - i)
            let g = loadPart(gate + i, part).cut(above: limit)
            let u = loadPart(up + i, part).cut(above: limit).cut(below: -limit)
            storePart((u + 1) * (g * logisticSigmoid(alpha * g)), y + i, part)
            i += 16
        }
    }
}

extension SIMD16<Float> {
    /// The smaller of each pair; what is not a number stays so.
    @inline(__always) func cut(above limit: Vector) -> Vector { replacing(with: limit, where: self .> limit) }

    /// The greater of each pair; what is not a number stays so.
    @inline(__always) func cut(below limit: Vector) -> Vector { replacing(with: limit, where: self .< limit) }
}
