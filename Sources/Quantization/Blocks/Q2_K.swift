/// Blocks of 256 in 2 bits: sixteen groups of 16, each with a scale and a minimum of 4 bits, which
/// count in units of two halves behind the codes.
enum Q2_K: BlockLayout {
    static var number: UInt32 { 10 }
    static var length: Int { 256 }
    static var byteCount: Int { 84 }
    static var halves: [Int] { [80, 82] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let (scale, minimum) = (block.half(80), block.half(82))
        for group in 0..<16 {
            let steps = block.byte(group)
            let (own, lowest) = (scale * Float(steps & 15), minimum * Float(steps >> 4))
            let (codes, shift) = (block + TwoBits.place(ofGroup: group, from: 16), TwoBits.shift(ofGroup: group))
            for index in 0..<16 { target[16 * group + index] = own * Float(codes.byte(index) &>> shift & 3) - lowest }
        }
    }
}

/// Blocks of 256 in 3 bits: codes of 2 bits, their third bits in front, sixteen scales of 6 bits in
/// 12 bytes, the half that these count.
enum Q3_K: BlockLayout {
    static var number: UInt32 { 11 }
    static var length: Int { 256 }
    static var byteCount: Int { 110 }
    static var halves: [Int] { [108] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(108)
        for group in 0..<16 {
            let low = block.byte(96 + group % 8) >> (group < 8 ? 0 : 4) & 15
            let high = block.byte(104 + group % 4) >> Int32(2 * (group / 4)) & 3
            let own = scale * Float((low | high << 4) - 32)
            let (codes, shift) = (block + TwoBits.place(ofGroup: group, from: 32), TwoBits.shift(ofGroup: group))
            let (thirds, bit) = (block + group % 2 * 16, Int32(group / 2))
            for index in 0..<16 {
                let code = codes.byte(index) &>> shift & 3 | (thirds.byte(index) &>> bit & 1) << 2
                target[16 * group + index] = own * Float(code - 4)
            }
        }
    }
}

/// Codes without a scale of their own but the block's: -1, 0, 1.
enum TQ2_0: BlockLayout {
    static var number: UInt32 { 35 }
    static var length: Int { 256 }
    static var byteCount: Int { 66 }
    static var halves: [Int] { [64] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(64)
        for group in 0..<16 {
            let (codes, shift) = (block + TwoBits.place(ofGroup: group, from: 0), TwoBits.shift(ofGroup: group))
            for index in 0..<16 { target[16 * group + index] = Float((codes.byte(index) &>> shift & 3) - 1) * scale }
        }
    }
}

/// Codes of 2 bits: of 128 numbers the first 32 stand in the lowest bits of 32 bytes, the next 32
/// in the bits above.
enum TwoBits {
    @inline(__always) static func place(ofGroup group: Int, from first: Int) -> Int { first + group / 8 * 32 + group % 2 * 16 }
    @inline(__always) static func shift(ofGroup group: Int) -> Int32 { Int32(2 * (group % 8 / 2)) }
}
