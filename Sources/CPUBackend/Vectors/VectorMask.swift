import COneDNN

/// The places of a vector in which a comparison holds.
///
/// The comparisons and choices of this file are taken instead of the standard library's, which are
/// loops over single numbers before Swift 6.3.
struct VectorMask {
    let bits: SIMD16<Int32>
}

extension SIMD16<Float> {
    @_transparent static func .< (left: Vector, right: Vector) -> VectorMask { VectorMask(bits: tala_is_less(left, right)) }
    @_transparent static func .< (left: Vector, right: Float) -> VectorMask { left .< Vector(repeating: right) }
    @_transparent static func .> (left: Vector, right: Vector) -> VectorMask { right .< left }
    @_transparent static func .> (left: Vector, right: Float) -> VectorMask { Vector(repeating: right) .< left }
    @_transparent static func .>= (left: Vector, right: Float) -> VectorMask {
        VectorMask(bits: tala_is_at_most(Vector(repeating: right), left))
    }
    @_transparent static func .== (left: Vector, right: Float) -> VectorMask {
        VectorMask(bits: tala_is_equal(left, Vector(repeating: right)))
    }
    @_transparent static func .!= (left: Vector, right: Vector) -> VectorMask { VectorMask(bits: tala_differs(left, right)) }

    /// `other` where the mask says so, else this.
    @_transparent func replacing(with other: Vector, where mask: VectorMask) -> Vector { tala_choose(mask.bits, other, self) }
    @_transparent func replacing(with other: Float, where mask: VectorMask) -> Vector {
        tala_choose(mask.bits, Vector(repeating: other), self)
    }
}
