/// Blocks of 256 in 6 bits: sixteen groups of 16, each with a scale of a signed byte, which counts
/// in units of a half at the end. Low halves of codes first, then their upper two bits.
enum Q6_K: BlockLayout {
    static var number: UInt32 { 14 }
    static var length: Int { 256 }
    static var byteCount: Int { 210 }
    static var halves: [Int] { [208] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(208)
        for group in 0..<16 {
            let own = scale * Float(Int8(truncatingIfNeeded: block.byte(192 + group)))
            let low = block + 64 * (group / 8) + 16 * (group % 4)
            let high = block + 128 + 32 * (group / 8) + 16 * (group % 2)
            let (lowShift, highShift) = (Int32(group % 8 / 4 * 4), Int32(group % 8 / 2 * 2))
            for index in 0..<16 {
                let code = low.byte(index) &>> lowShift & 15 | (high.byte(index) &>> highShift & 3) << 4
                target[16 * group + index] = own * Float(code - 32)
            }
        }
    }
}
