/// Blocks of 256 of -1, 0, 1, five to a byte as digits of a number with base 3; four to a byte in
/// the last four.
enum TQ1_0: BlockLayout {
    static var number: UInt32 { 34 }
    static var length: Int { 256 }
    static var byteCount: Int { 54 }
    static var halves: [Int] { [52] }

    /// Powers of 3 that bring a digit to the front.
    private static let powers: [Int32] = [1, 3, 9, 27, 81]

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(52)
        var place = target
        for (first, width, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
            for digit in 0..<digits {
                let power = powers[digit]
                for index in 0..<width {
                    let code = ((block.byte(first + index) * power & 255) * 3) >> 8
                    place[index] = Float(code - 1) * scale
                }
                place += width
            }
        }
    }
}
