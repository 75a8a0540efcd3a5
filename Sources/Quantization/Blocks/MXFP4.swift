/// Blocks of 32: the exponent of a power of two, then a sign and one of eight sizes a number (OCP
/// Microscaling Formats 1.0, E2M1). The largest exponent is no special case.
enum MXFP4: BlockLayout {
    static var number: UInt32 { 39 }
    static var length: Int { 32 }
    static var byteCount: Int { 17 }
    static var halves: [Int] { [] }

    /// Twice the sizes: the scale is halved instead.
    static let values: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    /// The largest exponent with which every number is finite.
    static let largestExponent = 252

    /// Half of 2^(exponent - 127).
    @inline(__always) static func scale(_ exponent: Int32) -> Float {
        Float(bitPattern: exponent < 2 ? 0x0020_0000 << UInt32(bitPattern: exponent) : UInt32(bitPattern: exponent - 1) << 23)
    }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = scale(block.byte(0))
        values.withUnsafeBufferPointer { values in
            block.nibbles(at: 1, count: 16, into: target) { code, _ in values[Int(code)] * scale }
        }
    }
}
