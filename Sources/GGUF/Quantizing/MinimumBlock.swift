import Quantization

/// What blocks of 256 in 4 and in 5 bits share: eight groups of 32, each with a scale and a minimum
/// in 6 bits, which count in units of two halves.
struct MinimumBlock {
    typealias Lanes = SIMD8<Float>
    let scale: Float
    let minimum: Float
    /// The 12 bytes of the groups' scales and minima.
    let packed: [UInt8]
    let quotients: GroupNumbers<Lanes>

    init(_ pointer: UnsafePointer<Float>, _ search: MinimumSearch) {
        let numbers = GroupNumbers<Lanes>(pointer)
        let found = search.run(numbers, weights: Self.weights(numbers))
        let (largestScale, largestMinimum) = (max(0, found.scales.max()), max(0, found.minima.max()))
        func steps(_ values: Lanes, of largest: Float) -> Lanes {
            let inverse: Float = largest > 0 ? 63 / largest : 0
            return BlockNumbers.clamped(BlockNumbers.nearest(inverse * values), 0, 63)
        }
        let (scales, minima) = (steps(found.scales, of: largestScale), steps(found.minima, of: largestMinimum))
        (scale, minimum) = (largestScale / 63, largestMinimum / 63)
        packed = Self.packed(scales, minima)
        // Once more, from what is stored.
        quotients = Self.quotients(
            numbers, found, scaled: BlockNumbers.throughHalf(scale) * scales, lowest: BlockNumbers.throughHalf(minimum) * minima, search)
    }

    /// - Parameter scales, minima: of the groups, in steps of `scale` and `minimum`.
    init(scale: Float, minimum: Float, scales: Lanes, minima: Lanes, quotients: GroupNumbers<Lanes>) {
        (self.scale, self.minimum, self.quotients) = (scale, minimum, quotients)
        packed = Self.packed(scales, minima)
    }

    /// The nearest quotients; those of the search where a group's scale is 0.
    static func quotients(
        _ numbers: GroupNumbers<Lanes>, _ found: MinimumSearch.Found, scaled: Lanes, lowest: Lanes, _ search: MinimumSearch
    ) -> GroupNumbers<Lanes> {
        var quotients = found.quotients
        for index in 0..<numbers.count {
            let quotient = BlockNumbers.clamped(BlockNumbers.nearest((numbers[index] + lowest) / scaled), 0, search.largest)
            quotients[index] = quotient.replacing(with: quotients[index], where: scaled .== 0)
        }
        return quotients
    }

    /// Large numbers count more than small ones.
    private static func weights(_ numbers: GroupNumbers<Lanes>) -> GroupNumbers<Lanes> {
        var squares = Lanes()
        for index in 0..<numbers.count { squares += numbers[index] * numbers[index] }
        var weights = GroupNumbers<Lanes>()
        let mean = (squares / Float(numbers.count)).squareRoot()
        for index in 0..<numbers.count { weights[index] = mean + BlockNumbers.magnitude(numbers[index]) }
        return weights
    }

    /// Eight scales and eight minima of 6 bits in 12 bytes: four and four whole, of the others the
    /// low halves behind them and the upper two bits above these.
    private static func packed(_ scales: Lanes, _ minima: Lanes) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 12)
        for group in 0..<4 {
            bytes[group] = BlockNumbers.byte(scales[group])
            bytes[group + 4] = BlockNumbers.byte(minima[group])
        }
        for group in 4..<8 {
            let (scale, minimum) = (BlockNumbers.byte(scales[group]), BlockNumbers.byte(minima[group]))
            bytes[group + 4] = scale & 15 | minimum << 4
            bytes[group - 4] |= (scale >> 4) << 6
            bytes[group] |= (minimum >> 4) << 6
        }
        return bytes
    }

    /// Writes the two halves and the 12 bytes.
    func writeHead(_ block: UnsafeMutablePointer<UInt8>) {
        block.setHalf(scale, at: 0)
        block.setHalf(minimum, at: 2)
        for (index, byte) in packed.enumerated() { block[4 + index] = byte }
    }

    /// Writes the low 4 bits: of 64 numbers the first 32 in the low halves of 32 bytes, the others
    /// in the high ones.
    func writeNibbles(_ block: UnsafeMutablePointer<UInt8>) {
        for group in stride(from: 0, to: 8, by: 2) {
            for index in 0..<32 {
                let (low, high) = (BlockNumbers.byte(quotients[index][group]), BlockNumbers.byte(quotients[index][group + 1]))
                block[group * 16 + index] = low & 15 | high << 4
            }
        }
    }
}

/// Blocks of 256 in 4 bits.
struct Q4_K: BlockQuantizer {
    let format = BlockFormat.q4_k

    let minds = true
    private static let search = MinimumSearch(largest: 15, firstTrial: -1, trialCount: 20)

    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(MinimumBlock(numbers, Self.search), to: block)
    }

    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(MinimumBlock(numbers, weights: weights, Self.search), to: block)
    }

    private func write(_ found: MinimumBlock, to block: UnsafeMutablePointer<UInt8>) {
        found.writeHead(block)
        found.writeNibbles(block + 16)
    }
}

/// Blocks of 256 in 5 bits: the fifth bits of number `i` of all groups stand in byte `i`.
struct Q5_K: BlockQuantizer {
    let format = BlockFormat.q5_k

    let minds = true
    private static let search = MinimumSearch(largest: 31, firstTrial: -0.5, trialCount: 15)

    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(MinimumBlock(numbers, Self.search), to: block)
    }

    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(MinimumBlock(numbers, weights: weights, Self.search), to: block)
    }

    private func write(_ found: MinimumBlock, to block: UnsafeMutablePointer<UInt8>) {
        found.writeHead(block)
        for index in 0..<32 {
            var bits: UInt8 = 0
            for group in 0..<8 { bits |= (BlockNumbers.byte(found.quotients[index][group]) >> 4 & 1) << UInt8(group) }
            block[16 + index] = bits
        }
        found.writeNibbles(block + 48)
    }
}
