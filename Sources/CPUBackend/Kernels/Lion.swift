import Graph
import Tensors

extension Lion: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { LionKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// One step of Lion with decoupled weight decay, one pass over parameter, gradient and momentum;
/// the gradient is left zero.
final class LionKernel: ElementwiseKernel {
    private let operation: Lion
    private let clip: Matrix
    private let scalars: Matrix
    /// `1 - beta`, from the decimal number that was meant: the difference of float32 numbers has
    /// few correct digits.
    private let rest1: Float
    private let rest2: Float

    /// - Parameter inputs: parameter, gradient, momentum, clip `[1, 2]`, scalars `[1, n]`.
    init(_ operation: Lion, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        clip = inputs[3]
        scalars = inputs[4]
        rest1 = Float(1 - Self.meant(operation.beta1))
        rest2 = Float(1 - Self.meant(operation.beta2))
        super.init(inputs: Array(inputs.prefix(3)), outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (parameter, gradient, momentum) = (operands[0], operands[1], operands[2])
        let (newParameter, newGradient, newMomentum) = (operands[3], operands[4], operands[5])
        guard clip.floats(0)[0].isFinite else {
            if newParameter != parameter { newParameter.update(from: parameter, count: count) }
            if newMomentum != momentum { newMomentum.update(from: momentum, count: count) }
            newGradient.update(repeating: 0, count: count)
            return
        }
        let rate = scalars.floats(0)[0]
        let constants = Constants(
            factor: clip.floats(0)[1], decay: Float(1 - Double(rate) * Double(operation.weightDecay)), beta1: operation.beta1, rest1: rest1,
            beta2: operation.beta2, rest2: rest2, rate: rate)
        var i = 0
        while i + 16 <= count {
            let (p, m) = constants.step(load(parameter + i), load(gradient + i), load(momentum + i))
            store(p, newParameter + i)
            store(m, newMomentum + i)
            store(.zero, newGradient + i)
            i += 16
        }
        let rest = count - i
        if rest > 0 {
            let (p, m) = constants.step(loadPart(parameter + i, rest), loadPart(gradient + i, rest), loadPart(momentum + i, rest))
            storePart(p, newParameter + i, rest)
            storePart(m, newMomentum + i, rest)
            storePart(.zero, newGradient + i, rest)
        }
    }

    /// The decimal number that a float32 stands for: the shortest that rounds to it.
    private static func meant(_ number: Float) -> Double { Double("\(number)") ?? Double(number) }

    private struct Constants {
        let factor, decay, beta1, rest1, beta2, rest2, rate: Float

        @inline(__always) func step(_ p: Vector, _ gradient: Vector, _ m: Vector) -> (Vector, Vector) {
            let g = gradient * factor
            let direction = (m * beta1).addingProduct(g, .broadcast(rest1))
            let up = Vector.zero.replacing(with: rate, where: direction .> 0)
            let move = up.replacing(with: -rate, where: direction .< 0)
            return (p * decay - move, (m * beta2).addingProduct(g, .broadcast(rest2)))
        }
    }
}
