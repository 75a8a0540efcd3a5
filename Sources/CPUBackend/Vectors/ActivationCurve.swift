/// The curves of feed-forward layers and their slopes.
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

    @_transparent static func gelu(_ x: Vector) -> Vector { x * normalShare(x) }

    /// `f(x)` and `f'(x) = s + x d` with `s` the share of the normal distribution below `x` and `d`
    /// its density.
    @_transparent static func geluAndSlope(_ x: Vector) -> (Vector, Vector) {
        let share = normalShare(x)
        let density = exponentialOfNegative(-0.5 * x * x) * 0.398_942_28
        return (x * share, share.addingProduct(x, density))
    }
}
