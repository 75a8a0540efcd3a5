import Graph
import Quantization
import Tensors

/// The blocks of GGUF files by their definition, number by number, as ggml's headers write it;
/// every rounding is one to float32.
enum BlockDefinition {
    /// A number of a row of blocks.
    static func number(_ column: Int, _ format: BlockFormat, _ byte: (_ place: Int) -> Int) -> Double {
        let first = column / format.blockLength * format.blockByteCount
        return Double(number(format, column % format.blockLength) { byte(first + $0) })
    }

    private static let finer: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    private static let sizes: [Float] = [0, 1, 2, 3, 4, 6, 8, 12]

    private static func number(_ format: BlockFormat, _ e: Int, _ b: (Int) -> Int) -> Float {
        func half(_ place: Int) -> Float { Float(ElementType.float16.number(UInt32(b(place) | b(place + 1) << 8))) }
        func signed(_ byte: Int) -> Int { byte < 128 ? byte : byte - 256 }
        /// Low halves of 16 bytes, then their high ones.
        func nibble(_ place: Int, _ i: Int) -> Int { i < 16 ? b(place + i) & 15 : b(place + i - 16) >> 4 }
        func bit(_ place: Int, _ i: Int) -> Int { b(place + i / 8) >> (i % 8) & 1 }
        func twoBits(_ place: Int) -> Int { b(place + 32 * (e / 128) + e % 32) >> (2 * (e % 128 / 32)) & 3 }
        func sixBits(_ j: Int) -> (scale: Float, minimum: Float) {
            let s = (0..<12).map { b(4 + $0) }
            let scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) + 16 * (s[j - 4] >> 6)
            let minimum = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) + 16 * (s[j] >> 6)
            return (half(0) * Float(scale), half(2) * Float(minimum))
        }
        /// Nibbles of 64 numbers in 32 bytes.
        func wideNibble(_ place: Int) -> Int { b(place + 32 * (e / 64) + e % 32) >> (e % 64 < 32 ? 0 : 4) & 15 }
        switch format {
        case .q4_0: return half(0) * Float(nibble(2, e) - 8)
        case .q4_1: return half(0) * Float(nibble(4, e)) + half(2)
        case .q5_0: return half(0) * Float(nibble(6, e) + 16 * bit(2, e) - 16)
        case .q5_1: return half(0) * Float(nibble(8, e) + 16 * bit(4, e)) + half(2)
        case .q8_0: return half(0) * Float(signed(b(2 + e)))
        case .q2_k: return half(80) * Float(b(e / 16) & 15) * Float(twoBits(16)) - half(82) * Float(b(e / 16) >> 4)
        case .q3_k:
            let k = e / 16
            let low = k < 8 ? b(96 + k) & 15 : b(88 + k) >> 4
            let scale = low + 16 * (b(104 + k % 4) >> (2 * (k / 4)) & 3) - 32
            return half(108) * Float(scale) * Float(twoBits(32) - (b(e % 32) >> (e / 32) & 1 == 0 ? 4 : 0))
        case .q4_k:
            let own = sixBits(e / 32)
            return own.scale * Float(wideNibble(16)) - own.minimum
        case .q5_k:
            let own = sixBits(e / 32)
            return own.scale * Float(wideNibble(48) + 16 * (b(16 + e % 32) >> (e / 32) & 1)) - own.minimum
        case .q6_k:
            let r = e % 128
            let low = b(64 * (e / 128) + r % 64) >> (r < 64 ? 0 : 4) & 15
            let high = b(128 + 32 * (e / 128) + r % 32) >> (2 * (r / 32)) & 3
            return half(208) * Float(signed(b(192 + e / 16))) * Float(low + 16 * high - 32)
        case .iq4_nl: return half(0) * finer[nibble(2, e)]
        case .iq4_xs:
            let j = e / 32
            let scale = (b(4 + j / 2) >> (4 * (j % 2)) & 15) + 16 * ((b(2) | b(3) << 8) >> (2 * j) & 3) - 32
            return half(0) * Float(scale) * finer[nibble(8 + 16 * j, e % 32)]
        case .mxfp4:
            let code = nibble(1, e)
            let size = Float(sign: .plus, exponent: b(0) - 128, significand: sizes[code % 8])
            return code < 8 ? size : -size
        case .tq1_0:
            let (place, t) = e < 160 ? (e % 32, e / 32) : e < 240 ? (32 + e % 16, (e - 160) / 16) : (48 + e % 4, (e - 240) / 4)
            let power = (0..<t).reduce(1) { power, _ in power * 3 }
            return half(52) * Float((b(place) * power % 256 * 3) / 256 - 1)
        case .tq2_0: return half(64) * Float(twoBits(0) - 1)
        }
    }

    /// Rows of drawn blocks: every bit of the codes is free, scales are such that the numbers are
    /// some ones.
    static func rows(_ random: inout CaseRandom, _ format: BlockFormat, rows: Int, columns: Int) -> Operand {
        let size = format.blockByteCount
        let type = TensorType(rows: rows, columns: columns / format.blockLength * size, .uint8)
        var bytes = (0..<type.elementCount).map { _ in Int(random.next() >> 56) }
        for block in stride(from: 0, to: bytes.count, by: size) {
            for place in format.halves {
                let sign = random.next() % 4 == 0 ? -1.0 : 1
                let bits = Int(ElementType.float16.bits(sign * (0.25 + random.unit()) * unit(format)))
                (bytes[block + place], bytes[block + place + 1]) = (bits & 255, bits >> 8)
            }
            if format == .mxfp4 { bytes[block] = 120 + Int(random.next() % 6) }
        }
        return Operand(type: type, values: bytes.map(Double.init))
    }

    /// What makes the largest number of a block with such a scale one or two.
    private static func unit(_ format: BlockFormat) -> Double {
        switch format {
        case .q4_0, .q4_1: 0x1p-3
        case .q5_0, .q5_1: 0x1p-4
        case .q8_0, .iq4_nl, .q3_k: 0x1p-7
        case .q2_k: 0x1p-5
        case .q4_k: 0x1p-9
        case .q5_k: 0x1p-10
        case .q6_k, .iq4_xs: 0x1p-12
        case .mxfp4, .tq1_0, .tq2_0: 1
        }
    }
}
