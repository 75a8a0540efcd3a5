package import Quantization
import Tensors

/// A form in which tensors are written into a GGUF file.
package enum GGUFType: String, Sendable, Hashable, CaseIterable {
    case f32, f16, bf16
    /// Blocks of 32 numbers with a scale each; `q5_1` has a minimum beside it.
    case q8_0, q4_0, q5_0, q5_1, mxfp4
    /// Blocks of 256 numbers with scales of groups, which have a scale themselves.
    case q4_k, q5_k, q6_k

    /// The form's blocks; nil where numbers stand one by one.
    package var blocks: BlockFormat? { BlockFormat(rawValue: rawValue) }

    /// The number of the form in a tensor's entry.
    var number: UInt32 { blocks?.number ?? (self == .bf16 ? 30 : self == .f16 ? 1 : 0) }

    /// How numbers become blocks; nil where they stand one by one.
    private var quantizer: (any BlockQuantizer)? {
        switch self {
        case .f32, .f16, .bf16: nil
        case .q8_0: Q8_0()
        case .q4_0: Q4_0()
        case .q5_0: Q5_0()
        case .q5_1: Q5_1()
        case .q4_k: Q4_K()
        case .q5_k: Q5_K()
        case .q6_k: Q6_K()
        case .mxfp4: MXFP4()
        }
    }

    /// Numbers in a block.
    package var blockLength: Int { blocks?.blockLength ?? 1 }

    /// Bytes of so many numbers, a whole number of blocks.
    package func byteCount(_ count: Int) -> Int {
        guard let blocks else { return count * (self == .f32 ? 4 : 2) }
        return count / blocks.blockLength * blocks.blockByteCount
    }

    /// The largest number that the form can hold without its scale becoming infinite.
    package var largest: Float {
        switch self {
        case .f32, .bf16, .mxfp4: .greatestFiniteMagnitude
        default: 65504
        }
    }

    /// The size of the first number that is larger, or is none; nil where all fit.
    package func excess(_ numbers: UnsafeBufferPointer<Float>) -> Float? {
        let limit = largest
        return numbers.first { !(abs($0) <= limit) }.map { abs($0) }
    }

    /// The form that rows of this length can have: the next larger one where they are not whole
    /// blocks, float16 in the end.
    package func fitting(columns: Int) -> GGUFType {
        guard blockLength > 1, columns % blockLength != 0 else { return self }
        return switch self {
        case .q4_k: GGUFType.q5_0.fitting(columns: columns)
        case .q5_k: GGUFType.q5_1.fitting(columns: columns)
        case .q6_k: GGUFType.q8_0.fitting(columns: columns)
        default: .f16
        }
    }

    /// Whether what is written depends on how much errors count (``bytes(_:weights:)``).
    package var mindsWeights: Bool { quantizer?.minds ?? false }

    /// Numbers in this form, a whole number of blocks.
    /// - Parameter weights: what errors in the columns of a row count, where the numbers are whole
    ///   rows; nil: all the same.
    package func bytes(_ numbers: UnsafeBufferPointer<Float>, weights: [Float]? = nil) -> [UInt8] {
        switch self {
        case .f32: Self.narrowed(numbers, .float32)
        case .f16: Self.narrowed(numbers, .float16)
        case .bf16: Self.narrowed(numbers, .bfloat16)
        default: quantizer.map { BlockRun.bytes(numbers, weights: weights, $0) } ?? []
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
}
