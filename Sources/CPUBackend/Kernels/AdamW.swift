import Graph
import Tensors

extension AdamW: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AdamWKernel(self, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// One step of Adam with decoupled weight decay, one pass over parameter, gradient and moments; the
/// gradient is left zero.
final class AdamWKernel: ElementwiseKernel {
    private let operation: AdamW
    private let clip: Matrix
    private let scalars: Matrix
    /// `1 - beta`, from the decimal number that was meant, as PyTorch computes it: the difference
    /// of float32 numbers has few correct digits.
    private let rest1: Float
    private let rest2: Float

    /// - Parameter inputs: parameter, gradient, first and second moment, clip `[1, 2]`, scalars
    ///   `[1, 4]`.
    init(_ operation: AdamW, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        clip = inputs[4]
        scalars = inputs[5]
        rest1 = Float(1 - Self.meant(operation.beta1))
        rest2 = Float(1 - Self.meant(operation.beta2))
        super.init(inputs: Array(inputs.prefix(4)), outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (parameter, gradient, first, second) = (operands[0], operands[1], operands[2], operands[3])
        let (newParameter, newGradient, newFirst, newSecond) = (operands[4], operands[5], operands[6], operands[7])
        let norm = clip.floats(0)[0]
        let factor = clip.floats(0)[1]
        guard norm.isFinite else {
            if newParameter != parameter { newParameter.update(from: parameter, count: count) }
            if newFirst != first { newFirst.update(from: first, count: count) }
            if newSecond != second { newSecond.update(from: second, count: count) }
            newGradient.update(repeating: 0, count: count)
            return
        }
        let (rate, correction1, correction2) = (scalars.floats(0)[0], scalars.floats(0)[1], scalars.floats(0)[2])
        let constants = Constants(
            factor: factor, decay: Float(1 - Double(rate) * Double(operation.weightDecay)), beta1: operation.beta1, rest1: rest1,
            beta2: operation.beta2, rest2: rest2, step: Float(Double(rate) / Double(correction1)),
            rootCorrection2: correction2.squareRoot(), epsilon: operation.epsilon)
        var i = 0
        while i + 16 <= count {
            let (p, m, v) = constants.step(load(parameter + i), load(gradient + i), load(first + i), load(second + i))
            store(p, newParameter + i)
            store(m, newFirst + i)
            store(v, newSecond + i)
            store(.zero, newGradient + i)
            i += 16
        }
        let rest = count - i
        if rest > 0 {
            let (p, m, v) = constants.step(
                loadPart(parameter + i, rest), loadPart(gradient + i, rest), loadPart(first + i, rest), loadPart(second + i, rest))
            storePart(p, newParameter + i, rest)
            storePart(m, newFirst + i, rest)
            storePart(v, newSecond + i, rest)
            storePart(.zero, newGradient + i, rest)
        }
    }

    /// The decimal number that a float32 stands for: the shortest that rounds to it.
    private static func meant(_ number: Float) -> Double { Double("\(number)") ?? Double(number) }

    private struct Constants {
        let factor, decay, beta1, rest1, beta2, rest2, step, rootCorrection2, epsilon: Float

        @inline(__always) func step(_ p: Vector, _ gradient: Vector, _ m: Vector, _ v: Vector) -> (Vector, Vector, Vector) {
            let g = gradient * factor
            let newM = (m * beta1).addingProduct(g, .broadcast(rest1))
            let newV = (v * beta2).addingProduct(g * g, .broadcast(rest2))
            let denominator = newV.squareRoot() / rootCorrection2 + epsilon
            return (p * decay - newM * step / denominator, newM, newV)
        }
    }
}
