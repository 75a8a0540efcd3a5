/// A format of frozen weights in fewer than 16 bits a number. Numbers are quantised in blocks, in
/// row-major order, without regard to rows.
package enum QuantizedFormat: String, Sendable, Hashable, CaseIterable {
    /// Whole numbers of 8 bits in blocks of 32 with a half-precision scale: the numbers of ggml's
    /// `Q8_0`.
    case q8
    /// 4-bit NormalFloat in blocks of 64 whose scales are quantised to 8 bits in blocks of 256
    /// (Dettmers et al. 2023, arXiv:2305.14314), bit for bit as bitsandbytes'
    /// `quantize_4bit(blocksize: 64, compress_statistics: true, quant_type: "nf4")` computes it.
    case nf4

    /// Numbers that share a scale.
    package var blockLength: Int {
        switch self {
        case .q8: 32
        case .nf4: 64
        }
    }
}

/// Where the parts of a quantised tensor lie in the one run of 32-bit words that holds it. Every
/// part begins at a multiple of 16 words.
///
/// `q8`: scales (halves), codes (bytes). `nf4`: the 16 values of a code, the 256 values of a
/// scale's code, the mean of all scales, the greatest difference from it of each 256 scales, the
/// scales' codes (bytes), codes (two a byte, the first in the upper half). With its tables the run
/// needs nothing else to be read; little-endian.
package struct QuantizedLayout: Sendable, Hashable {
    package let format: QuantizedFormat
    package let elementCount: Int
    package let blockCount: Int
    /// Blocks of scales.
    package let groupCount: Int
    /// First word of each part.
    package let scaleWord: Int
    package let groupWord: Int
    package let codeWord: Int
    package let wordCount: Int

    /// Scales that share a scale.
    package static let groupLength = 256
    /// `nf4`: first words of the tables and of the mean.
    package static let valueWord = 0
    package static let scaleValueWord = 16
    package static let meanWord = 272

    package init(_ format: QuantizedFormat, elementCount: Int) {
        self.format = format
        self.elementCount = elementCount
        let length = format.blockLength
        blockCount = elementCount / length + (elementCount % length == 0 ? 0 : 1)
        switch format {
        case .q8:
            groupCount = 0
            groupWord = 0
            scaleWord = 0
            codeWord = Self.aligned((blockCount + 1) / 2)
            wordCount = codeWord + blockCount * 8
        case .nf4:
            groupCount = (blockCount + Self.groupLength - 1) / Self.groupLength
            groupWord = Self.meanWord + 16
            scaleWord = groupWord + Self.aligned(groupCount)
            codeWord = scaleWord + Self.aligned((blockCount + 3) / 4)
            wordCount = codeWord + blockCount * 8
        }
    }

    private static func aligned(_ words: Int) -> Int { (words + 15) / 16 * 16 }

    package var byteCount: Int { wordCount * 4 }
}
