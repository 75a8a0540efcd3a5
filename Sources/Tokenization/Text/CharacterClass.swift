/// The Unicode general categories that tokenizers ask for, looked up fast.
enum CharacterClass {
    /// One bit a class of categories.
    static let letter: UInt8 = 1
    static let number: UInt8 = 2
    static let punctuation: UInt8 = 4
    static let symbol: UInt8 = 8
    static let mark: UInt8 = 16
    static let whitespace: UInt8 = 32
    static let control: UInt8 = 64
    static let upper: UInt8 = 128

    /// Classes of the basic plane; computed once, since the standard library's look-up is a search.
    private static let basicPlane: [UInt8] = (0..<0x10000).map { code in
        UInt32(code) >= 0xD800 && code <= 0xDFFF ? 0 : Unicode.Scalar(UInt32(code)).map(compute) ?? 0
    }

    static func classes(of scalar: Unicode.Scalar) -> UInt8 {
        scalar.value < 0x10000 ? basicPlane[Int(scalar.value)] : compute(scalar)
    }

    private static func compute(_ scalar: Unicode.Scalar) -> UInt8 {
        var bits: UInt8 = scalar.properties.isWhitespace ? whitespace : 0
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: bits |= letter | upper
        case .lowercaseLetter, .modifierLetter, .otherLetter: bits |= letter
        case .decimalNumber, .letterNumber, .otherNumber: bits |= number
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation:
            bits |= punctuation
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: bits |= symbol
        case .nonspacingMark, .spacingMark, .enclosingMark: bits |= mark
        case .control, .format, .surrogate, .privateUse, .unassigned: bits |= control
        default: break
        }
        return bits
    }
}
