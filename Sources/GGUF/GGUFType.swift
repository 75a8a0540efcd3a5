import Tensors

/// A form in which a GGUF file stores a tensor's numbers.
package enum GGUFType: String, Sendable, Hashable, CaseIterable {
    case f32, f16, bf16
    /// Blocks of 32 numbers in 8 bits, with a scale in float16 each.
    case q8_0

    /// The number of the form in a tensor's entry.
    var number: UInt32 {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q8_0: 8
        case .bf16: 30
        }
    }

    /// The number of a file most of whose tensors have the form (`general.file_type`).
    package var fileType: Int {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q8_0: 7
        case .bf16: 32
        }
    }

    static let blockCount = 32

    /// Bytes of so many numbers, a whole number of blocks.
    package func byteCount(_ count: Int) -> Int {
        switch self {
        case .f32: count * 4
        case .f16, .bf16: count * 2
        case .q8_0: count / Self.blockCount * 34
        }
    }

    /// The form that rows of this length can have: float16 where they are not whole blocks.
    package func fitting(columns: Int) -> GGUFType { self == .q8_0 && columns % Self.blockCount != 0 ? .f16 : self }

    /// Numbers in this form. Of `q8_0` as the format's text has it: the scale is the largest size
    /// over 127, quotients are rounded with halves away from zero.
    package func bytes(_ numbers: UnsafeBufferPointer<Float>) -> [UInt8] {
        switch self {
        case .f32: Self.narrowed(numbers, .float32)
        case .f16: Self.narrowed(numbers, .float16)
        case .bf16: Self.narrowed(numbers, .bfloat16)
        case .q8_0: Self.blocks(numbers)
        }
    }

    private static func narrowed(_ numbers: UnsafeBufferPointer<Float>, _ type: ElementType) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: numbers.count * type.byteCount) { bytes, count in
            count = numbers.count * type.byteCount
            if let source = numbers.baseAddress, let target = bytes.baseAddress {
                FloatConversion.narrow(source, count: numbers.count, into: UnsafeMutableRawPointer(target), type)
            }
        }
    }

    private static func blocks(_ numbers: UnsafeBufferPointer<Float>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(numbers.count / blockCount * 34)
        for start in stride(from: 0, through: numbers.count - blockCount, by: blockCount) {
            let block = numbers[start..<(start + blockCount)]
            let scale = block.reduce(0) { max($0, abs($1)) } / 127
            let inverse: Float = scale == 0 ? 0 : 1 / scale
            withUnsafePointer(to: scale) { bytes += narrowed(UnsafeBufferPointer(start: $0, count: 1), .float16) }
            for number in block {
                let quotient = (number * inverse).rounded(.toNearestOrAwayFromZero)
                // What is no number has no eight bits.
                bytes.append(quotient.isNaN ? 0 : UInt8(bitPattern: Int8(max(-128, min(127, quotient)))))
            }
        }
        return bytes
    }
}
