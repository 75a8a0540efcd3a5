import Graph

/// The curves of gated layers and their slopes.
enum ActivationCurve {
    private static var tanhScale: Float { 0.797_884_56 }  // sqrt(2 / pi)
    private static var cubicTerm: Float { 0.044_715 }

    @inline(__always) static func silu(_ x: Vector) -> Vector { x / (1 + exponential(-x)) }

    /// `f(x)` and `f'(x) = s + x s (1 - s)` with `s` the sigmoid.
    @inline(__always) static func siluAndSlope(_ x: Vector) -> (Vector, Vector) {
        let s = logisticSigmoid(x)
        let value = x * s
        return (value, s.addingProduct(value, 1 - s))
    }

    @inline(__always) static func geluTanh(_ x: Vector) -> Vector {
        let inner = (x.addingProduct(x * x * x, .broadcast(cubicTerm))) * tanhScale
        return 0.5 * x * (1 + hyperbolicTangent(inner))
    }

    @inline(__always) static func geluTanhAndSlope(_ x: Vector) -> (Vector, Vector) {
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
        var i = 0
        if isSilu {
            while i + 16 <= count {
                store(ActivationCurve.silu(load(gate + i)) * load(up + i), y + i)
                i += 16
            }
        } else {
            while i + 16 <= count {
                store(ActivationCurve.geluTanh(load(gate + i)) * load(up + i), y + i)
                i += 16
            }
        }
        let rest = count - i
        if rest > 0 {
            let x = loadPart(gate + i, rest)
            storePart((isSilu ? ActivationCurve.silu(x) : ActivationCurve.geluTanh(x)) * loadPart(up + i, rest), y + i, rest)
        }
    }
}
