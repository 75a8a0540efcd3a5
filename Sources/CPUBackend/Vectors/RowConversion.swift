import COneDNN
import Glibc
import Tensors

/// Rows of narrower numbers from and to float32, so that every kernel is written once, in float32.
enum RowConversion {
    /// `count` numbers at `source` as float32.
    @inline(__always)
    static func widen(_ source: UnsafeRawPointer, _ type: ElementType, to target: UnsafeMutablePointer<Float>, count: Int) {
        switch type {
        case .float32: memcpy(target, source, count * 4)
        case .bfloat16: widenBfloat16(source.assumingMemoryBound(to: UInt16.self), target, count)
        case .float16: widenFloat16(source, target, count)
        default: break
        }
    }

    /// Rounds to nearest, ties to even.
    @inline(__always)
    static func narrow(_ source: UnsafePointer<Float>, to target: UnsafeMutableRawPointer, _ type: ElementType, count: Int) {
        switch type {
        case .float32: memcpy(target, source, count * 4)
        case .bfloat16: narrowBfloat16(source, target, count)
        case .float16: narrowFloat16(source, target, count)
        default: break
        }
    }

    @inline(never)
    private static func widenBfloat16(_ source: UnsafePointer<UInt16>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        // The compiler makes vector code of this loop (it does not of conversions between integer
        // vectors).
        for i in 0..<count { target[i] = Float(bitPattern: UInt32(source[i]) << 16) }
    }

    @inline(never)
    private static func narrowBfloat16(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        var i = 0
        while i + 16 <= count {
            tala_store_bfloat16(load(source + i), target + i * 2)
            i += 16
        }
        if i < count {
            var halves = SIMD16<UInt16>(repeating: 0)
            withUnsafeMutableBytes(of: &halves) { bytes in
                guard let start = bytes.baseAddress else { return }
                tala_store_bfloat16(loadPart(source + i, count - i), start)
                (target + i * 2).copyMemory(from: start, byteCount: (count - i) * 2)
            }
        }
    }

    @inline(never)
    private static func widenFloat16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        var i = 0
        if tala_has_half_precision() != 0 {
            while i + 16 <= count {
                store(tala_load_float16(source + i * 2), target + i)
                i += 16
            }
        }
        while i < count {
            let part = min(16, count - i)
            var halves = SIMD16<UInt16>(repeating: 0)
            withUnsafeMutableBytes(of: &halves) { $0.baseAddress?.copyMemory(from: source + i * 2, byteCount: part * 2) }
            var words = SIMD32<UInt16>(repeating: 0)
            words.evenHalf = halves
            let bits = unsafeBitCast(words, to: VectorBits.self)
            // Exponent and fraction move to their places; the product corrects the exponent's bias,
            // also of subnormal numbers.
            let magnitude = ((bits & 0x7fff) &<< 13).floats * Float(bitPattern: 0x7780_0000)
            // 65536 and above can only come from an exponent of all ones: infinity, or not a
            // number.
            let special = (magnitude.bits | 0x7f80_0000).floats
            let value = magnitude.replacing(with: special, where: magnitude .>= 65_536)
            let signed = (value.bits | ((bits & 0x8000) &<< 16)).floats
            if part == 16 { store(signed, target + i) } else { storePart(signed, target + i, part) }
            i += 16
        }
    }

    @inline(never)
    private static func narrowFloat16(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        var i = 0
        while i < count {
            let part = min(16, count - i)
            let x = part == 16 ? load(source + i) : loadPart(source + i, part)
            withUnsafeBytes(of: float16(x)) { bytes in
                guard let start = bytes.baseAddress else { return }
                (target + i * 2).copyMemory(from: start, byteCount: part * 2)
            }
            i += 16
        }
    }

    @inline(__always) private static func float16(_ x: Vector) -> SIMD16<UInt16> {
        let sign = x.bits & 0x8000_0000
        let magnitude = (x.bits & 0x7fff_ffff).floats
        // Numbers below 2^-14 are rounded by an addition whose last bit is that of a subnormal.
        let subnormal = ((magnitude + 0.5).bits &- 0x3f00_0000).floats
        // Others: rebias (add -112 << 23) and round the 13 bits that go.
        let rounded = (magnitude.bits &+ 0xc800_0fff &+ ((magnitude.bits &>> 13) & 1)) &>> 13
        var half = rounded.floats.replacing(with: subnormal, where: magnitude .< 6.103_515_625e-5)
        half = half.replacing(with: VectorBits(repeating: 0x7c00).floats, where: magnitude .>= 65_520)
        half = half.replacing(with: VectorBits(repeating: 0x7e00).floats, where: x .!= x)
        return unsafeBitCast(half.bits | (sign &>> 16), to: SIMD32<UInt16>.self).evenHalf
    }
}
