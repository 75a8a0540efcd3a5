/// One format of blocks, in a file of its own: layouts and formulas are those of ggml's
/// `ggml-common.h` and `ggml-quants.c`.
///
/// Every operation is one rounding to float32, in the order that is written: with a fused
/// multiply-add the last bit would be another.
protocol BlockLayout {
    /// In a tensor's entry of a GGUF file.
    static var number: UInt32 { get }
    /// Numbers in a block, and its bytes.
    static var length: Int { get }
    static var byteCount: Int { get }
    /// Where half-precision numbers stand.
    static var halves: [Int] { get }
    /// Writes the numbers of one block.
    static func decode(_ block: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>)
    /// Writes the numbers of `count` blocks.
    static func decode(_ blocks: UnsafeRawPointer, count: Int, into target: UnsafeMutablePointer<Float>)
}

extension BlockLayout {
    static func decode(_ blocks: UnsafeRawPointer, count: Int, into target: UnsafeMutablePointer<Float>) {
        for block in 0..<count { decode(blocks + block * byteCount, into: target + block * length) }
    }
}

extension UnsafeRawPointer {
    /// A byte as a whole number.
    @inline(__always) func byte(_ place: Int) -> Int32 { Int32(load(fromByteOffset: place, as: UInt8.self)) }

    @inline(__always) func half(_ place: Int) -> Float { HalfPrecision.number(loadUnaligned(fromByteOffset: place, as: UInt16.self)) }

    /// Writes what `number` makes of the low halves of `count` bytes, then of the high ones.
    @inline(__always)
    func nibbles(at place: Int, count: Int, into target: UnsafeMutablePointer<Float>, _ number: (_ code: Int32, _ index: Int) -> Float) {
        for index in 0..<count { target[index] = number(byte(place + index) & 15, index) }
        for index in 0..<count { target[count + index] = number(byte(place + index) >> 4, count + index) }
    }
}
