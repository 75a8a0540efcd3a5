import Graph

extension ClampedGateBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ClampedGateBackwardKernel(shape, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// The gradients of a clamped gate; may be written over gate and up.
final class ClampedGateBackwardKernel: ElementwiseKernel {
    private let shape: ClampedGateShape

    init(_ shape: ClampedGateShape, inputs: [Matrix], outputs: [Matrix]) {
        self.shape = shape
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (dy, gate, up, dGate, dUp) = (operands[0], operands[1], operands[2], operands[3], operands[4])
        let (alpha, limit) = (Vector.broadcast(shape.alpha), Vector.broadcast(shape.limit))
        var i = 0
        while i < count {
            let part = min(16, count - i)
            let (d, ownGate, ownUp) = (loadPart(dy + i, part), loadPart(gate + i, part), loadPart(up + i, part))
            let g = ownGate.cut(above: limit)
            let u = ownUp.cut(above: limit).cut(below: -limit)
            let s = logisticSigmoid(alpha * g)
            // f' = s + alpha g s (1 - s)
            let slope = s.addingProduct(alpha * g * s, 1 - s)
            let ofGate = (d * (u + 1) * slope).replacing(with: 0, where: ownGate .> limit)
            let ofUp = (d * (g * s)).replacing(with: 0, where: ownUp .> limit)
            storePart(ofGate, dGate + i, part)
            storePart(ofUp.replacing(with: 0, where: ownUp .< -limit), dUp + i, part)
            i += 16
        }
    }
}
