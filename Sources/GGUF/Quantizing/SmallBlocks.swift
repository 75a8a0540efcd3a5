import Quantization

/// Blocks of 32: a scale in half precision, then a signed byte a number.
struct Q8_0: BlockQuantizer {
    let format = BlockFormat.q8_0

    /// The scale is the largest size over 127; quotients are rounded with halves away from zero.
    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        var largest: Float = 0
        for index in 0..<length { largest = max(largest, abs(numbers[index])) }
        let scale = largest / 127
        let inverse: Float = scale == 0 ? 0 : 1 / scale
        block.setHalf(scale, at: 0)
        for index in 0..<length {
            block[2 + index] = BlockNumbers.signedByte((numbers[index] * inverse).rounded(.toNearestOrAwayFromZero))
        }
    }
}

/// Where 4 and 5 bits of 32 numbers stand: the first half of the numbers in the low halves of 16
/// bytes, the second in the high ones; fifth bits in a word of their own.
enum SmallBlock {
    static let length = 32

    static func writeNibbles(_ block: UnsafeMutablePointer<UInt8>, _ quotient: (Int) -> UInt8) {
        for index in 0..<(length / 2) { block[index] = quotient(index) & 15 | quotient(index + length / 2) << 4 }
    }

    /// - Parameter quotient: at most 31, with its fifth bit.
    static func writeFives(_ block: UnsafeMutablePointer<UInt8>, _ quotient: (Int) -> UInt8) {
        var bits: UInt32 = 0
        for index in 0..<length { bits |= UInt32(quotient(index) >> 4 & 1) << UInt32(index) }
        for byte in 0..<4 { block[byte] = UInt8(truncatingIfNeeded: bits >> UInt32(8 * byte)) }
        writeNibbles(block + 4, quotient)
    }

    /// Writes the scale with which the number of the largest size has the quotient `-half`.
    /// - Returns: the quotients plus `half`, by the numbers' index.
    static func writeScale(
        _ numbers: UnsafePointer<Float>, half: Float, to block: UnsafeMutablePointer<UInt8>
    ) -> (Int) -> UInt8 {
        let scale = extreme(numbers) / -half
        let inverse: Float = scale == 0 ? 0 : 1 / scale
        block.setHalf(scale, at: 0)
        return { min(UInt8(2 * half - 1), BlockNumbers.byte(numbers[$0] * inverse + half + 0.5)) }
    }

    /// Writes the scale with which errors that count so much are small in sum.
    /// - Returns: the quotients plus `half`, by the numbers' index.
    static func writeScale(
        _ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, half: Float, to block: UnsafeMutablePointer<UInt8>
    ) -> (Int) -> UInt8 {
        let search = WeightedScale(half: half)
        let scale = search.search(numbers, weights)
        block.setHalf(scale, at: 0)
        return { search.quotient(numbers[$0], scale) }
    }

    /// The number of the largest size, with its sign; of equals the first.
    static func extreme(_ numbers: UnsafePointer<Float>) -> Float {
        var (size, found): (Float, Float) = (0, 0)
        for index in 0..<length where abs(numbers[index]) > size { (size, found) = (abs(numbers[index]), numbers[index]) }
        return found
    }
}

/// Blocks of 32: a scale in half precision, then `q + 8` in 4 bits.
struct Q4_0: BlockQuantizer {
    let format = BlockFormat.q4_0

    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        let quotients = SmallBlock.writeScale(numbers, half: 8, to: block)
        SmallBlock.writeNibbles(block + 2, quotients)
    }

    let minds = true

    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        SmallBlock.writeNibbles(block + 2, SmallBlock.writeScale(numbers, weights: weights, half: 8, to: block))
    }
}

/// Blocks of 32: a scale in half precision, then `q + 16` in 5 bits.
struct Q5_0: BlockQuantizer {
    let format = BlockFormat.q5_0

    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        let quotients = SmallBlock.writeScale(numbers, half: 16, to: block)
        SmallBlock.writeFives(block + 2, quotients)
    }

    let minds = true

    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        SmallBlock.writeFives(block + 2, SmallBlock.writeScale(numbers, weights: weights, half: 16, to: block))
    }
}

/// Blocks of 32: a scale and a minimum in half precision, then 5 bits a number.
struct Q5_1: BlockQuantizer {
    let format = BlockFormat.q5_1

    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        var (lowest, highest) = (Float.greatestFiniteMagnitude, -Float.greatestFiniteMagnitude)
        for index in 0..<length { (lowest, highest) = (min(lowest, numbers[index]), max(highest, numbers[index])) }
        let scale = (highest - lowest) / 31
        let inverse: Float = scale == 0 ? 0 : 1 / scale
        block.setHalf(scale, at: 0)
        block.setHalf(lowest, at: 2)
        SmallBlock.writeFives(block + 4) { min(31, BlockNumbers.byte((numbers[$0] - lowest) * inverse + 0.5)) }
    }
}
