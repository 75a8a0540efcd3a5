/// Blocks of 32 in 4 bits whose codes are places in a table that is finer around zero.
enum IQ4_NL: BlockLayout {
    static var number: UInt32 { 20 }
    static var length: Int { 32 }
    static var byteCount: Int { 18 }
    static var halves: [Int] { [0] }

    static let values: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(0)
        values.withUnsafeBufferPointer { values in
            block.nibbles(at: 2, count: 16, into: target) { code, _ in values[Int(code)] * scale }
        }
    }
}

/// Blocks of 256 of the same codes: eight groups of 32, each with a scale of 6 bits, which counts
/// in units of a half.
enum IQ4_XS: BlockLayout {
    static var number: UInt32 { 23 }
    static var length: Int { 256 }
    static var byteCount: Int { 136 }
    static var halves: [Int] { [0] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let (scale, high) = (block.half(0), Int32(block.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        IQ4_NL.values.withUnsafeBufferPointer { values in
            for group in 0..<8 {
                let low = block.byte(4 + group / 2) >> Int32(4 * (group % 2)) & 15
                let own = scale * Float((low | (high >> Int32(2 * group) & 3) << 4) - 32)
                block.nibbles(at: 8 + 16 * group, count: 16, into: target + 32 * group) { code, _ in values[Int(code)] * own }
            }
        }
    }
}
