import Quantization

/// Blocks of 256 in 6 bits: sixteen groups of 16, each with a scale of a signed byte, which counts
/// in units of a half.
struct Q6_K: BlockQuantizer {
    typealias Lanes = SIMD16<Float>
    let format = BlockFormat.q6_k

    let minds = true

    func write(_ pointer: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        let numbers = GroupNumbers<Lanes>(pointer)
        write(numbers, ScaleSearch(largest: 32).run(numbers.vectors) { $1 * $1 }, to: block)
    }

    func write(_ pointer: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        let (numbers, weights) = (GroupNumbers<Lanes>(pointer), GroupNumbers<Lanes>(weights).vectors)
        write(numbers, ScaleSearch(largest: 32).run(numbers.vectors) { index, _ in weights[index] }, to: block)
    }

    private func write(
        _ numbers: GroupNumbers<Lanes>, _ found: ScaleSearch.Found<Lanes>, to block: UnsafeMutablePointer<UInt8>
    ) {
        var (size, extreme): (Float, Float) = (0, 0)
        for group in 0..<16 where abs(found.scales[group]) > size { (size, extreme) = (abs(found.scales[group]), found.scales[group]) }
        guard size >= 1e-15 else { return block.update(repeating: 0, count: byteCount) }
        let inverse = -128 / extreme
        let scale = 1 / inverse
        let scales = BlockNumbers.clamped(BlockNumbers.nearest(inverse * found.scales), -128, 127)
        let scaled = BlockNumbers.throughHalf(scale) * scales
        // Once more, from what is stored; 32 is added to be positive.
        let quotients = numbers.vectors.enumerated().map { index, number in
            BlockNumbers.clamped(BlockNumbers.nearest(number / scaled), -32, 31)
                .replacing(with: found.quotients[index], where: scaled .== 0) + 32
        }
        func quotient(_ index: Int) -> UInt8 { BlockNumbers.byte(quotients[index % 16][index / 16]) }
        for half in 0..<2 {
            let (low, high) = (block + 64 * half, block + 128 + 32 * half)
            for index in 0..<32 {
                let four = (0..<4).map { quotient(128 * half + 32 * $0 + index) }
                low[index] = four[0] & 15 | four[2] << 4
                low[index + 32] = four[1] & 15 | four[3] << 4
                high[index] = four[0] >> 4 | (four[1] >> 4) << 2 | (four[2] >> 4) << 4 | (four[3] >> 4) << 6
            }
        }
        for group in 0..<16 { block[192 + group] = BlockNumbers.signedByte(scales[group]) }
        block.setHalf(scale, at: 208)
    }
}
