/// What Python's `str` says of characters, where it differs from Swift's Unicode properties.
enum PythonCharacters {
    /// `str.isspace`: White_Space, and the four separators of ASCII.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        (0x1C...0x1F).contains(scalar.value) || scalar.properties.isWhitespace
    }

    static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    static func isDecimal(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType == .decimal }
    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { isDecimal(scalar) || scalar.properties.numericType == .digit }
    static func isNumeric(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType != nil }

    /// Whether `repr` writes the character itself.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value >= 0x20, scalar.value < 0x7F { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
        default: return true
        }
    }

    static func uppercased(_ text: String) -> String { text.unicodeScalars.map(\.properties.uppercaseMapping).joined() }

    /// Small letters; a capital sigma at the end of a word becomes the final one.
    static func lowercased(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
        let scalars = Array(text.unicodeScalars)
        return lowercased(scalars, 0..<scalars.count)
    }

    private static func lowercased(_ scalars: [Unicode.Scalar], _ range: Range<Int>) -> String {
        var result = ""
        for index in range {
            result +=
                scalars[index].value == 0x3A3 ? (isFinalSigma(scalars, index) ? "ς" : "σ") : scalars[index].properties.lowercaseMapping
        }
        return result
    }

    private static func isFinalSigma(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        var before = index - 1
        while before >= 0, scalars[before].properties.isCaseIgnorable { before -= 1 }
        guard before >= 0, scalars[before].properties.isCased else { return false }
        var after = index + 1
        while after < scalars.count, scalars[after].properties.isCaseIgnorable { after += 1 }
        return after >= scalars.count || !scalars[after].properties.isCased
    }

    /// Title case for the first character, small letters for the others.
    static func capitalized(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.first else { return "" }
        return first.properties.titlecaseMapping + lowercased(scalars, 1..<scalars.count)
    }

    /// `str.title`: the first letter of each run of letters with a case is large, the others are
    /// small.
    static func titled(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        var isInWord = false
        for (index, scalar) in scalars.enumerated() {
            result += isInWord ? lowercased(scalars, index..<(index + 1)) : scalar.properties.titlecaseMapping
            isInWord = scalar.properties.isCased
        }
        return result
    }

    static func swapcased(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        return scalars.enumerated().map { index, scalar in
            if scalar.properties.isUppercase { return lowercased(scalars, index..<(index + 1)) }
            return scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(scalar)
        }.joined()
    }

    /// `str.casefold`, by the rule that folding is small letters of capitals of small letters, but
    /// where that rule does not hold.
    static func folded(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar.value {
            case 0x13A0...0x13F5: return String(scalar)
            case 0x13F8...0x13FD, 0xAB70...0xABBF: return scalar.properties.uppercaseMapping
            case 0x1E9E: return "ss"
            case 0x130: return "i\u{307}"
            case 0x131: return String(scalar)
            default:
                guard scalar.properties.changesWhenCaseFolded else { return String(scalar) }
                return scalar.properties.lowercaseMapping.unicodeScalars.map { $0.properties.uppercaseMapping }.joined()
                    .unicodeScalars.map { $0.properties.lowercaseMapping }.joined()
            }
        }.joined()
    }

    /// `str.istitle`.
    static func isTitled(_ text: String) -> Bool {
        var (isInWord, hasCase) = (false, false)
        for scalar in text.unicodeScalars {
            let isTitle = scalar.properties.generalCategory == .titlecaseLetter
            if scalar.properties.isUppercase || isTitle {
                if isInWord { return false }
                (isInWord, hasCase) = (true, true)
            } else if scalar.properties.isLowercase {
                if !isInWord { return false }
                hasCase = true
            } else {
                isInWord = false
            }
        }
        return hasCase
    }
}
