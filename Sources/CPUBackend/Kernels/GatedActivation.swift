import Graph

/// The curves of gated layers and their slopes.
enum ActivationCurve {
    static var tanhScale: Float { 0.797_884_56 }  // sqrt(2 / pi)
    static var cubicTerm: Float { 0.044_715 }

    @_transparent static func silu(_ x: Vector) -> Vector { x / (1 + exponential(-x)) }

    /// `f(x)` and `f'(x) = s + x s (1 - s)` with `s` the sigmoid.
    @_transparent static func siluAndSlope(_ x: Vector) -> (Vector, Vector) {
        let s = logisticSigmoid(x)
        let value = x * s
        return (value, s.addingProduct(value, 1 - s))
    }

    @_transparent static func geluTanh(_ x: Vector) -> Vector {
        let inner = (x.addingProduct(x * x * x, .broadcast(cubicTerm))) * tanhScale
        return 0.5 * x * (1 + hyperbolicTangent(inner))
    }

    @_transparent static func geluTanhAndSlope(_ x: Vector) -> (Vector, Vector) {
        let square = x * x
        let inner = x.addingProduct(square * x, .broadcast(cubicTerm)) * tanhScale
        let t = hyperbolicTangent(inner)
        let innerSlope = Vector.broadcast(tanhScale).addingProduct(square, .broadcast(3 * cubicTerm * tanhScale))
        let half = 0.5 * (1 + t)
        return (x * half, half.addingProduct(0.5 * x * (1 - t * t), innerSlope))
    }
}

/// `y = f(gate) * up`, element by element.
final class GatedActivationKernel: ElementwiseKernel {
    private let isSilu: Bool

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        isSilu = function == .silu
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (gate, up, y) = (operands[0], operands[1], operands[2])
        // One body for whole vectors and the last part, so that the curve is compiled into it.
        var i = 0
        if isSilu {
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.silu(loadPart(gate + i, part)) * loadPart(up + i, part), y + i, part)
                i += 16
            }
        } else {
            while i < count {
                let part = min(16, count - i)
                storePart(ActivationCurve.geluTanh(loadPart(gate + i, part)) * loadPart(up + i, part), y + i, part)
                i += 16
            }
        }
    }
}
