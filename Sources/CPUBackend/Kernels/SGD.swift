import Graph
import Tensors

extension SGD: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { SGDKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// One step of gradient descent with momentum, one pass over parameter, gradient and velocity; the
/// gradient is left zero.
final class SGDKernel: ElementwiseKernel {
    private let operation: SGD
    private let clip: Matrix
    private let scalars: Matrix

    /// - Parameter inputs: parameter, gradient, velocity, clip `[1, 2]`, scalars `[1, n]`.
    init(_ operation: SGD, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        clip = inputs[3]
        scalars = inputs[4]
        super.init(inputs: Array(inputs.prefix(3)), outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (parameter, gradient, velocity) = (operands[0], operands[1], operands[2])
        let (newParameter, newGradient, newVelocity) = (operands[3], operands[4], operands[5])
        guard clip.floats(0)[0].isFinite else {
            if newParameter != parameter { newParameter.update(from: parameter, count: count) }
            if newVelocity != velocity { newVelocity.update(from: velocity, count: count) }
            newGradient.update(repeating: 0, count: count)
            return
        }
        let constants = Constants(
            factor: clip.floats(0)[1], decay: operation.weightDecay, momentum: operation.momentum, rate: scalars.floats(0)[0],
            isNesterov: operation.isNesterov)
        var i = 0
        while i + 16 <= count {
            let (p, m) = constants.step(load(parameter + i), load(gradient + i), load(velocity + i))
            store(p, newParameter + i)
            store(m, newVelocity + i)
            store(.zero, newGradient + i)
            i += 16
        }
        let rest = count - i
        if rest > 0 {
            let (p, m) = constants.step(loadPart(parameter + i, rest), loadPart(gradient + i, rest), loadPart(velocity + i, rest))
            storePart(p, newParameter + i, rest)
            storePart(m, newVelocity + i, rest)
            storePart(.zero, newGradient + i, rest)
        }
    }

    private struct Constants {
        let factor, decay, momentum, rate: Float
        let isNesterov: Bool

        @inline(__always) func step(_ p: Vector, _ gradient: Vector, _ m: Vector) -> (Vector, Vector) {
            let g = (p * decay).addingProduct(gradient, .broadcast(factor))
            let newM = g.addingProduct(m, .broadcast(momentum))
            return (p - (isNesterov ? g.addingProduct(newM, .broadcast(momentum)) : newM) * rate, newM)
        }
    }
}
