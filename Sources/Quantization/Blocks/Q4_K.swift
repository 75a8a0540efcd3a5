/// Blocks of 256 in 4 bits: eight groups of 32, each with a scale and a minimum of 6 bits, which
/// count in units of two halves. Of 64 codes the first 32 stand in the low halves of 32 bytes.
enum Q4_K: BlockLayout {
    static var number: UInt32 { 12 }
    static var length: Int { 256 }
    static var byteCount: Int { 144 }
    static var halves: [Int] { [0, 2] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        for group in 0..<8 {
            let (scale, minimum) = SixBits.scaleAndMinimum(block, ofGroup: group)
            let (codes, shift) = (block + 16 + 32 * (group / 2), Int32(4 * (group % 2)))
            for index in 0..<32 { target[32 * group + index] = scale * Float(codes.byte(index) &>> shift & 15) - minimum }
        }
    }
}

/// The same in 5 bits: the fifth bits of number `i` of all groups stand in byte `i` before the
/// codes.
enum Q5_K: BlockLayout {
    static var number: UInt32 { 13 }
    static var length: Int { 256 }
    static var byteCount: Int { 176 }
    static var halves: [Int] { [0, 2] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        for group in 0..<8 {
            let (scale, minimum) = SixBits.scaleAndMinimum(block, ofGroup: group)
            let (codes, shift) = (block + 48 + 32 * (group / 2), Int32(4 * (group % 2)))
            for index in 0..<32 {
                let code = codes.byte(index) &>> shift & 15 | (block.byte(16 + index) &>> Int32(group) & 1) << 4
                target[32 * group + index] = scale * Float(code) - minimum
            }
        }
    }
}

/// Eight scales and eight minima of 6 bits in 12 bytes from the fourth on: four and four whole, of
/// the others the low halves behind them and the upper two bits above these.
enum SixBits {
    @inline(__always)
    static func scaleAndMinimum(_ block: UnsafeRawPointer, ofGroup group: Int) -> (scale: Float, minimum: Float) {
        let (scale, minimum): (Int32, Int32)
        if group < 4 {
            (scale, minimum) = (block.byte(4 + group) & 63, block.byte(8 + group) & 63)
        } else {
            let low = block.byte(8 + group)
            scale = low & 15 | (block.byte(group) >> 6) << 4
            minimum = low >> 4 | (block.byte(4 + group) >> 6) << 4
        }
        return (block.half(0) * Float(scale), block.half(2) * Float(minimum))
    }
}
