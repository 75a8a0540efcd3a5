import Tensors

/// Arithmetic that all formats of blocks share.
enum BlockNumbers {
    static func half(_ number: Float) -> UInt16 { FloatConversion.half(number) }

    /// The number as a half holds it.
    static func throughHalf(_ number: Float) -> Float { FloatConversion.float(fromHalf: half(number)) }

    /// Added to a number of less than 2^22, this leaves no place for a fraction: what is taken away
    /// again is the nearest whole number, of two the even one.
    private static let magic: Float = 12_582_912

    @inline(__always)
    static func nearest<Lanes: SIMD>(_ numbers: Lanes) -> Lanes where Lanes.Scalar == Float { (numbers + magic) - magic }

    @inline(__always)
    static func nearest(_ number: Float) -> Float { (number + magic) - magic }

    @inline(__always)
    static func clamped<Lanes: SIMD>(_ numbers: Lanes, _ lowest: Float, _ highest: Float) -> Lanes where Lanes.Scalar == Float {
        let above = numbers.replacing(with: lowest, where: numbers .< lowest)
        return above.replacing(with: highest, where: above .> highest)
    }

    @inline(__always)
    static func magnitude<Lanes: SIMD>(_ numbers: Lanes) -> Lanes where Lanes.Scalar == Float {
        numbers.replacing(with: -numbers, where: numbers .< 0)
    }

    /// A whole number between 0 and 255; 0 for what is none.
    @inline(__always)
    static func byte(_ number: Float) -> UInt8 { number > 0 ? UInt8(min(number, 255)) : 0 }

    /// The bits of a whole number between -128 and 127; of 0 for what is none.
    @inline(__always)
    static func signedByte(_ number: Float) -> UInt8 { number.isNaN ? 0 : UInt8(bitPattern: Int8(max(-128, min(127, number)))) }
}
