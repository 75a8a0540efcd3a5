/// Conversions between stored floating-point formats and float32.
package enum FloatConversion {
    /// Widens `count` numbers of any floating type; `source` need not be aligned.
    package static func widen(_ source: UnsafeRawPointer, _ type: ElementType, count: Int, into target: UnsafeMutablePointer<Float>) {
        switch type {
        case .bfloat16:
            for index in 0..<count {
                let bits = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                target[index] = Float(bitPattern: UInt32(bits) << 16)
            }
        case .float16:
            for index in 0..<count { target[index] = float(fromHalf: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) }
        default: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
        }
    }

    /// Rounds `count` float32 numbers to nearest, ties to even, into a stored type; `target` need
    /// not be aligned.
    package static func narrow(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutableRawPointer, _ type: ElementType) {
        switch type {
        case .bfloat16:
            for index in 0..<count { target.storeBytes(of: bfloat16(source[index]), toByteOffset: 2 * index, as: UInt16.self) }
        case .float16:
            for index in 0..<count { target.storeBytes(of: half(source[index]), toByteOffset: 2 * index, as: UInt16.self) }
        default: target.copyMemory(from: source, byteCount: 4 * count)
        }
    }

    /// The bits of the nearest bfloat16; a NaN stays one.
    package static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    /// The bits of the nearest IEEE half.
    package static func half(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Subnormal halves: adding 0.5 lines the bits up and rounds them as the processor does.
            let aligned = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: aligned.bitPattern &- 0x3F00_0000)
        }
        let rounded = magnitude &+ 0xFFF &+ (magnitude >> 13 & 1)
        return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
    }

    package static func float(fromHalf bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        if magnitude >= 0x7C00 { return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13) }
        if magnitude >= 0x400 { return Float(bitPattern: sign | (magnitude << 13) &+ 0x3800_0000) }
        // Subnormal: a whole number of 2^-24.
        let value = Float(magnitude) * 0x1p-24
        return Float(bitPattern: sign | value.bitPattern)
    }
}
