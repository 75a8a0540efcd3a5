/// The normaliser of BERT: control characters away, spaces round Chinese characters, accents away,
/// small letters.
struct BertNormalizer: Sendable {
    var cleansText: Bool
    var spacesChinese: Bool
    /// nil: where letters are made small.
    var stripsAccents: Bool?
    var lowercases: Bool

    func apply(_ text: AlignedText) -> AlignedText {
        var text = text
        if cleansText {
            text = Normalizer.mapped(text) { scalar in
                if scalar.value == 0 || scalar.value == 0xFFFD || Self.isControl(scalar) { return [] }
                return Self.whitespace.contains(scalar.value) && scalar != " " ? [0x20] : nil
            }
        }
        if spacesChinese {
            text = Normalizer.mapped(text) { scalar in Self.chinese.contains(scalar) ? [0x20] + Array(String(scalar).utf8) + [0x20] : nil }
        }
        if stripsAccents ?? lowercases {
            text = Normalizer.mapped(UnicodeNormalization.nfd.apply(text)) { scalar in Self.nonspacing.contains(scalar.value) ? [] : nil }
        }
        return lowercases ? Normalizer.lowercase.apply(text) : text
    }

    private static let whitespace = ScalarTable(UnicodeSets.whitespace)
    private static let nonspacing = ScalarTable(UnicodeSets.oldNonspacingMark)
    private static let control = ScalarTable(UnicodeSets.invisible)

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar != "\t" && scalar != "\n" && scalar != "\r" && control.contains(scalar.value)
    }

    private static let chinese = ScalarSet([
        0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF,
        0x2F800...0x2FA1F,
    ])
}

/// What sentencepiece's rule `nmt` does: control characters away, every kind of space a space.
enum NmtNormalizer {
    private static let removed = ScalarSet([0x01...0x08, 0x0B...0x0B, 0x0E...0x1F, 0x7F...0x7F, 0x8F...0x8F, 0x9F...0x9F])
    private static let spaces = ScalarSet([
        0x09...0x09, 0x0A...0x0A, 0x0C...0x0C, 0x0D...0x0D, 0x1680...0x1680, 0x200B...0x200F, 0x2028...0x2029, 0x2581...0x2581,
        0xFEFF...0xFEFF, 0xFFFD...0xFFFD,
    ])

    static func replacement(_ scalar: Unicode.Scalar) -> [UInt8]? {
        removed.contains(scalar) ? [] : spaces.contains(scalar) ? [0x20] : nil
    }
}
