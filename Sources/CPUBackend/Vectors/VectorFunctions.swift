/// e to the power of each number, within 1.5 units in the last place; 0 below -87.3, infinite above 88.7. What is not a number stays so.
///
/// `x = n ln 2 + r`; rounding to n is the addition of a number so large that its last bit counts ones, since conversions to integer vectors become
/// scalar code. e^r is a polynomial of degree 6 (least maximal error on |r| <= ln 2 / 2), 2^n is written into the exponent in two halves so that 2^128 needs no infinity.
@inline(__always) func exponential(_ x: Vector) -> Vector {
    let magic = Vector.broadcast(12_582_912)
    let clamped = x.replacing(with: 89, where: x .> 89)
    let shifted = magic.addingProduct(clamped, .broadcast(1.442_695_04))
    let n = shifted - magic
    let r = clamped.addingProduct(n, .broadcast(-0.693_145_75)).addingProduct(n, .broadcast(-1.428_606_8e-6))
    var p = Vector.broadcast(1.388_922_7e-3)
    p = Vector.broadcast(8.333_354e-3).addingProduct(p, r)
    p = Vector.broadcast(4.166_664_9e-2).addingProduct(p, r)
    p = Vector.broadcast(1.666_666_7e-1).addingProduct(p, r)
    p = Vector.broadcast(0.5).addingProduct(p, r)
    p = Vector.broadcast(1).addingProduct(p, r)
    p = Vector.broadcast(1).addingProduct(p, r)
    // The low bits of `shifted` are n. 2^n = 2^(n - 1) * 2.
    let power = ((shifted.bits &+ 126) &<< 23).floats
    return (p * power * 2).replacing(with: 0, where: x .< -87.3)
}

/// Without the guards: for arguments that are at most 0 (or little above) and whose results below 1e-38 may be 0.
@inline(__always) func exponentialOfNegative(_ x: Vector) -> Vector {
    let magic = Vector.broadcast(12_582_912)
    let shifted = magic.addingProduct(x, .broadcast(1.442_695_04))
    let n = shifted - magic
    let r = x.addingProduct(n, .broadcast(-0.693_145_75)).addingProduct(n, .broadcast(-1.428_606_8e-6))
    var p = Vector.broadcast(1.388_922_7e-3)
    p = Vector.broadcast(8.333_354e-3).addingProduct(p, r)
    p = Vector.broadcast(4.166_664_9e-2).addingProduct(p, r)
    p = Vector.broadcast(1.666_666_7e-1).addingProduct(p, r)
    p = Vector.broadcast(0.5).addingProduct(p, r)
    p = Vector.broadcast(1).addingProduct(p, r)
    p = Vector.broadcast(1).addingProduct(p, r)
    let power = ((shifted.bits &+ 127) &<< 23).floats
    return (p * power).replacing(with: 0, where: x .< -87.3)
}

/// The hyperbolic tangent, within 2 units in the last place: an odd polynomial near 0, `1 - 2 / (e^2x + 1)` elsewhere.
@inline(__always) func hyperbolicTangent(_ x: Vector) -> Vector {
    let square = x * x
    var p = Vector.broadcast(-5.704_988_727_45e-3)
    p = Vector.broadcast(2.063_908_879_54e-2).addingProduct(p, square)
    p = Vector.broadcast(-5.373_971_555_31e-2).addingProduct(p, square)
    p = Vector.broadcast(1.333_144_220_36e-1).addingProduct(p, square)
    p = Vector.broadcast(-3.333_328_194_22e-1).addingProduct(p, square)
    let near = x.addingProduct(x * square, p)
    let far = 1 - 2 / (exponential(x + x) + 1)
    return far.replacing(with: near, where: square .< 0.390_625)
}

/// `1 / (1 + e^-x)`.
@inline(__always) func logisticSigmoid(_ x: Vector) -> Vector { 1 / (1 + exponential(-x)) }
