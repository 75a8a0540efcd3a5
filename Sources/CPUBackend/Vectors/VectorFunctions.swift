// Transparent, because the optimizer leaves calls of the larger ones in loops otherwise, and a
// vector passed to a function travels in four pieces.

/// e to the power of each number, within 1.5 units in the last place; 0 below -86.6, infinite above
/// 88.7. What is not a number stays so.
@_transparent func exponential(_ x: Vector) -> Vector {
    let (p, n) = exponentialParts(x.replacing(with: 89, where: x .> 89))
    // In two steps, since 2^128 is not a float32 number.
    let half = ((n &+ 126) &<< 23).floats
    return (p * half * 2).replacing(with: 0, where: x .< -86.6)
}

/// The same for arguments of at most 88; 0 below -87.3.
@_transparent func exponentialOfNegative(_ x: Vector) -> Vector {
    let (p, n) = exponentialParts(x)
    let power = ((n &+ 127) &<< 23).floats
    return (p * power).replacing(with: 0, where: x .< -87.3)
}

/// `x = n ln 2 + r`: gives e^r, and a number whose low bits are n.
///
/// Rounding to n is the addition of a number so large that its last bit counts ones, since
/// conversions to integer vectors become scalar code. e^r is `1 + r + r² q(r)` with q of degree 4,
/// of least greatest error on |r| <= ln 2 / 2.
@_transparent func exponentialParts(_ x: Vector) -> (Vector, VectorBits) {
    let magic = Vector.broadcast(12_582_912)
    let shifted = magic.addingProduct(x, .broadcast(1.442_695_04))
    let n = shifted - magic
    let r = x.addingProduct(n, .broadcast(-0.693_145_75)).addingProduct(n, .broadcast(-1.428_606_8e-6))
    var p = Vector.broadcast(1.381_453_9e-3)
    p = Vector.broadcast(8.368_745e-3).addingProduct(p, r)
    p = Vector.broadcast(4.166_839e-2).addingProduct(p, r)
    p = Vector.broadcast(1.666_652_1e-1).addingProduct(p, r)
    p = Vector.broadcast(0.499_999_94).addingProduct(p, r)
    return (r.addingProduct(p, r * r) + 1, shifted.bits)
}

/// The hyperbolic tangent, within 3 units in the last place: an odd polynomial near 0,
/// `1 - 2 / (e^2x + 1)` elsewhere.
@_transparent func hyperbolicTangent(_ x: Vector) -> Vector {
    let square = x * x
    var p = Vector.broadcast(-5.70023487e-03)
    p = Vector.broadcast(2.06350013e-02).addingProduct(p, square)
    p = Vector.broadcast(-5.37385183e-02).addingProduct(p, square)
    p = Vector.broadcast(1.33314286e-01).addingProduct(p, square)
    p = Vector.broadcast(-3.33332815e-01).addingProduct(p, square)
    let near = x.addingProduct(x * square, p)
    let far = 1 - 2 / (exponential(x + x) + 1)
    return far.replacing(with: near, where: square .< 0.390_625)
}

/// `1 / (1 + e^-x)`.
@_transparent func logisticSigmoid(_ x: Vector) -> Vector { 1 / (1 + exponential(-x)) }

/// The share of the standard normal distribution below each number, `erfc(-x / sqrt(2)) / 2`,
/// within 2 units in the last place of 1: `erfc` by the exponential of a polynomial in
/// `t = 1 / (1 + |z| / 2)` (Press et al. 1992, Numerical Recipes, section 6.2), also where it is
/// far below 1.
@_transparent func normalShare(_ x: Vector) -> Vector {
    let z = x.replacing(with: -x, where: x .< 0) * 0.707_106_78
    let t = 1 / (1 + 0.5 * z)
    var p = Vector.broadcast(0.170_872_77)
    p = Vector.broadcast(-0.822_152_23).addingProduct(p, t)
    p = Vector.broadcast(1.488_515_87).addingProduct(p, t)
    p = Vector.broadcast(-1.135_203_98).addingProduct(p, t)
    p = Vector.broadcast(0.278_868_07).addingProduct(p, t)
    p = Vector.broadcast(-0.186_288_06).addingProduct(p, t)
    p = Vector.broadcast(0.096_784_18).addingProduct(p, t)
    p = Vector.broadcast(0.374_091_96).addingProduct(p, t)
    p = Vector.broadcast(1.000_023_68).addingProduct(p, t)
    p = Vector.broadcast(-1.265_512_23).addingProduct(p, t)
    let tail = 0.5 * t * exponentialOfNegative(p - z * z)
    return (1 - tail).replacing(with: tail, where: x .< 0)
}
