import Tensors

/// Scales in half precision.
enum HalfPrecision {
    static func bits(_ value: Float) -> UInt16 { FloatConversion.half(value) }
    static func number(_ bits: UInt16) -> Float { FloatConversion.float(fromHalf: bits) }
}
