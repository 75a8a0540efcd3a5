// Blocks of 32 numbers with a scale, some with a minimum. Of the codes in 4 bits the first 16 stand
// in the low halves of 16 bytes, the others in the high ones.

/// A byte with a sign a number.
enum Q8_0: BlockLayout {
    static var number: UInt32 { 8 }
    static var length: Int { 32 }
    static var byteCount: Int { 34 }
    static var halves: [Int] { [0] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(0)
        for index in 0..<32 { target[index] = Float(Int8(truncatingIfNeeded: block.byte(2 + index))) * scale }
    }
}

enum Q4_0: BlockLayout {
    static var number: UInt32 { 2 }
    static var length: Int { 32 }
    static var byteCount: Int { 18 }
    static var halves: [Int] { [0] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let scale = block.half(0)
        block.nibbles(at: 2, count: 16, into: target) { code, _ in Float(code - 8) * scale }
    }
}

/// Scale and minimum.
enum Q4_1: BlockLayout {
    static var number: UInt32 { 3 }
    static var length: Int { 32 }
    static var byteCount: Int { 20 }
    static var halves: [Int] { [0, 2] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let (scale, minimum) = (block.half(0), block.half(2))
        block.nibbles(at: 4, count: 16, into: target) { code, _ in Float(code) * scale + minimum }
    }
}

/// The fifth bits stand in a word in front of the codes.
enum Q5_0: BlockLayout {
    static var number: UInt32 { 6 }
    static var length: Int { 32 }
    static var byteCount: Int { 22 }
    static var halves: [Int] { [0] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let (scale, high) = (block.half(0), block.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        block.nibbles(at: 6, count: 16, into: target) { code, index in
            Float((code | Int32(truncatingIfNeeded: high &>> UInt32(index) & 1) << 4) - 16) * scale
        }
    }
}

enum Q5_1: BlockLayout {
    static var number: UInt32 { 7 }
    static var length: Int { 32 }
    static var byteCount: Int { 24 }
    static var halves: [Int] { [0, 2] }

    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        let (scale, minimum) = (block.half(0), block.half(2))
        let high = block.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        block.nibbles(at: 8, count: 16, into: target) { code, index in
            Float(code | Int32(truncatingIfNeeded: high &>> UInt32(index) & 1) << 4) * scale + minimum
        }
    }
}
