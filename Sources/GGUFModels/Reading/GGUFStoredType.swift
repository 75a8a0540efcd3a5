import Quantization

/// A form in which a GGUF file may store a tensor's numbers, by its number in the file (ggml.h,
/// enum ggml_type): blocks of so many numbers and bytes.
package struct GGUFStoredType: Sendable, Hashable {
    package let number: UInt32
    package let name: String
    /// Numbers in a block.
    package let blockLength: Int
    /// Bytes of a block.
    package let blockBytes: Int

    private static let all: [UInt32: GGUFStoredType] = {
        // Numbers one by one, and blocks that are not decoded: they are refused by name.
        let others: [(number: UInt32, name: String, length: Int, bytes: Int)] = [
            (0, "F32", 1, 4), (1, "F16", 1, 2), (30, "BF16", 1, 2), (28, "F64", 1, 8),
            (24, "I8", 1, 1), (25, "I16", 1, 2), (26, "I32", 1, 4), (27, "I64", 1, 8), (40, "NVFP4", 64, 36),
            (16, "IQ2_XXS", 256, 66), (17, "IQ2_XS", 256, 74), (18, "IQ3_XXS", 256, 98), (19, "IQ1_S", 256, 50),
            (21, "IQ3_S", 256, 110), (22, "IQ2_S", 256, 82), (29, "IQ1_M", 256, 56),
            (41, "Q1_0", 128, 18), (42, "Q2_0", 64, 18),
        ]
        var types: [UInt32: GGUFStoredType] = [:]
        for format in BlockFormat.allCases {
            types[format.number] = GGUFStoredType(
                number: format.number, name: format.rawValue.uppercased(), blockLength: format.blockLength,
                blockBytes: format.blockByteCount)
        }
        for other in others {
            types[other.number] = GGUFStoredType(
                number: other.number, name: other.name, blockLength: other.length, blockBytes: other.bytes)
        }
        return types
    }()

    /// Numbers of forms that are in files no longer, or never were.
    private static let removed: [UInt32: String] = [
        4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
    ]
    private static let internalOnly: [UInt32: String] = [9: "Q8_1", 15: "Q8_K"]

    /// - Returns: nil, with what is wrong, for a number that no file should have.
    static func named(_ number: UInt32) -> (type: GGUFStoredType?, problem: String) {
        if let type = all[number] { return (type, "") }
        if let name = removed[number] {
            return (nil, "its type \(number) (\(name)) was removed from the format: quantise the model anew with llama.cpp of today")
        }
        if let name = internalOnly[number] { return (nil, "its type \(number) (\(name)) is for numbers in memory alone, never for files") }
        return (nil, "its type \(number) is not known: the file is damaged, or newer than this program")
    }
}
