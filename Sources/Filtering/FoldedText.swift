import Foundation

/// A text as it is compared with the terms of block lists: in the compatibility form of Unicode
/// (NFKC), without differences of case, and without characters that nobody sees. So full-width
/// letters, ligatures, "STRASSE" for "Straße" and a zero-width space in the middle of a word hide
/// nothing.
struct FoldedText {
    private(set) var bytes: [UInt8] = []

    init(_ text: String) {
        // Invisible ones go first: they keep letters and their marks apart.
        let visible = String(String.UnicodeScalarView(text.unicodeScalars.filter { !Self.isInvisible($0) }))
        let plain = visible.precomposedStringWithCompatibilityMapping
        var folded = ""
        // Full case folding is what becomes of a letter that is made large and then small again.
        for scalar in plain.unicodeScalars {
            if scalar.isASCII {
                folded.unicodeScalars.append(Self.small(scalar))
            } else {
                for large in scalar.properties.uppercaseMapping.unicodeScalars {
                    folded.unicodeScalars.append(contentsOf: large.properties.lowercaseMapping.unicodeScalars)
                }
            }
        }
        bytes = Array(folded.precomposedStringWithCompatibilityMapping.utf8)
    }

    /// Whether a scalar leaves no trace when it is shown.
    static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isASCII && scalar.properties.isDefaultIgnorableCodePoint
    }

    private static func small(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
    }

    /// Whether a word ends or begins between two bytes of a folded text: one of the sides is no
    /// part of a word.
    static func isBoundary(_ bytes: some RandomAccessCollection<UInt8>, _ place: Int) -> Bool {
        let (start, end) = (0, bytes.count)
        guard place > start, place < end else { return true }
        return !isWord(before: place, bytes) || !isWord(at: place, bytes)
    }

    private static func byte(_ bytes: some RandomAccessCollection<UInt8>, _ place: Int) -> UInt8 {
        bytes[bytes.index(bytes.startIndex, offsetBy: place)]
    }

    private static func isWord(at place: Int, _ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let first = byte(bytes, place)
        let count = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        let scalars = (place..<min(bytes.count, place + count)).map { byte(bytes, $0) }
        return String(decoding: scalars, as: UTF8.self).unicodeScalars.first.map(isWord) ?? false
    }

    private static func isWord(before place: Int, _ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        var start = place - 1
        while start > 0, byte(bytes, start) & 0xC0 == 0x80 { start -= 1 }
        return isWord(at: start, bytes)
    }

    /// Letters, digits and the marks on them.
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "_" }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark,
            .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }
}
