/// Sets of scalars that tokenizers ask for: general categories, properties and scripts.
///
/// They are those of Unicode 16, which the reference library's expressions use, regardless of the
/// standard library's version: younger scalars count as unassigned.
enum UnicodeSets {
    /// The sets of the two-letter general categories, from the standard library's tables.
    private static let byCategory: [Unicode.GeneralCategory: ScalarSet] = {
        var runs: [Unicode.GeneralCategory: [ClosedRange<UInt32>]] = [:]
        func note(_ category: Unicode.GeneralCategory, _ range: ClosedRange<UInt32>) {
            if var list = runs.removeValue(forKey: category) {
                if let last = list.last, last.upperBound + 1 == range.lowerBound {
                    list[list.count - 1] = last.lowerBound...range.upperBound
                } else {
                    list.append(range)
                }
                runs[category] = list
            } else {
                runs[category] = [range]
            }
        }
        // Planes 4 to 13 hold nothing and the last two are for private use, but for two scalars at
        // each plane's end.
        for code in UInt32(0)..<0x40000 {
            if let scalar = Unicode.Scalar(code) { note(category(scalar), code...code) } else { note(.surrogate, code...code) }
        }
        note(.unassigned, 0x40000...0xDFFFF)
        for code in UInt32(0xE0000)..<0xE1000 {
            if let scalar = Unicode.Scalar(code) { note(category(scalar), code...code) }
        }
        note(.unassigned, 0xE1000...0xEFFFF)
        note(.privateUse, 0xF0000...0xFFFFD)
        note(.unassigned, 0xFFFFE...0xFFFFF)
        note(.privateUse, 0x100000...0x10FFFD)
        note(.unassigned, 0x10FFFE...0x10FFFF)
        return runs.mapValues { ScalarSet($0) }
    }()

    private static func category(_ scalar: Unicode.Scalar) -> Unicode.GeneralCategory {
        isKnown(scalar, since: 16) ? scalar.properties.generalCategory : .unassigned
    }

    /// Whether a version of Unicode has the scalar.
    static func isKnown(_ scalar: Unicode.Scalar, since major: Int) -> Bool {
        guard let age = scalar.properties.age else { return false }
        return age.major < major || (age.major == major && age.minor == 0)
    }

    private static func union(_ categories: [Unicode.GeneralCategory]) -> ScalarSet {
        ScalarSet(categories.flatMap { byCategory[$0]?.ranges ?? [] })
    }

    static let letter = union([.uppercaseLetter, .titlecaseLetter, .lowercaseLetter, .modifierLetter, .otherLetter])
    static let number = union([.decimalNumber, .letterNumber, .otherNumber])
    static let mark = union([.nonspacingMark, .spacingMark, .enclosingMark])
    static let punctuation = union([
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
        .otherPunctuation,
    ])
    static let symbol = union([.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol])
    static let control = union([.control, .format, .surrogate, .privateUse, .unassigned])
    static let separator = union([.spaceSeparator, .lineSeparator, .paragraphSeparator])
    static let decimal = union([.decimalNumber])
    static let nonspacingMark = union([.nonspacingMark])
    /// The property White_Space.
    static let whitespace = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000,
    ])
    static let alphabetic: ScalarSet = {
        var ranges: [ClosedRange<UInt32>] = []
        for range in letter.union(mark).union(union([.letterNumber, .otherSymbol])).ranges {
            for code in range { if let scalar = Unicode.Scalar(code), scalar.properties.isAlphabetic { ranges.append(code...code) } }
        }
        return ScalarSet(ranges)
    }()
    /// `\w` of Oniguruma: letters, marks, decimal digits, connectors, and what else it counts in
    /// Latin-1.
    static let word = plainWord.union(ScalarSet([0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]))
    private static let plainWord = alphabetic.union(mark).union(decimal).union(union([.connectorPunctuation]))
    /// `\w` as Rust's regular expressions have it (Unicode TS 18, annex C): with the joiners.
    static let wordWithJoiners = plainWord.union(ScalarSet(0x200C...0x200D))

    /// Members that a version of Unicode has.
    private static func known(_ set: ScalarSet, since major: Int) -> ScalarSet {
        ScalarSet(
            set.ranges.flatMap { range in range.filter { Unicode.Scalar($0).map { isKnown($0, since: major) } ?? false } }.map { $0...$0 })
    }

    /// What the pre-tokenizers for punctuation and BERT cut at: punctuation as Unicode 8 had it,
    /// and all of ASCII's symbols.
    static let delimiters = known(punctuation, since: 8).union(ScalarSet([0x166D...0x166D, 0x111C9...0x111C9])).union(
        symbol.intersection(ScalarSet(0...0x7F)))
    /// What BERT's normaliser takes away.
    static let invisible = known(union([.control, .format]), since: 8).union(union([.privateUse]))
    static let oldNonspacingMark = known(nonspacingMark, since: 8)
    /// Combining marks of Unicode 9, by which the reference library normalises.
    static let oldMark = known(mark, since: 9).union(ScalarSet(0x1CF2...0x1CF3)).subtracting(ScalarSet(0x111C9...0x111C9))

    private static let categoryNames: [String: [Unicode.GeneralCategory]] = [
        "lu": [.uppercaseLetter], "ll": [.lowercaseLetter], "lt": [.titlecaseLetter], "lm": [.modifierLetter], "lo": [.otherLetter],
        "lc": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter],
        "nd": [.decimalNumber], "nl": [.letterNumber], "no": [.otherNumber], "mn": [.nonspacingMark], "mc": [.spacingMark],
        "me": [.enclosingMark],
        "sm": [.mathSymbol], "sc": [.currencySymbol], "sk": [.modifierSymbol], "so": [.otherSymbol],
        "zs": [.spaceSeparator], "zl": [.lineSeparator], "zp": [.paragraphSeparator],
        "pc": [.connectorPunctuation], "pd": [.dashPunctuation], "ps": [.openPunctuation], "pe": [.closePunctuation],
        "pi": [.initialPunctuation], "pf": [.finalPunctuation], "po": [.otherPunctuation],
        "cc": [.control], "cf": [.format], "cs": [.surrogate], "co": [.privateUse], "cn": [.unassigned], "unassigned": [.unassigned],
        "decimalnumber": [.decimalNumber], "uppercaseletter": [.uppercaseLetter], "lowercaseletter": [.lowercaseLetter],
        "titlecaseletter": [.titlecaseLetter], "modifierletter": [.modifierLetter], "otherletter": [.otherLetter],
        "nonspacingmark": [.nonspacingMark], "spacingmark": [.spacingMark], "enclosingmark": [.enclosingMark],
    ]

    /// The set of a property's name as expressions write it in `\p{...}`; letter case, spaces,
    /// hyphens and underscores do not count. Nil if it is not known.
    static func named(_ name: String) -> ScalarSet? {
        let key = String(String.UnicodeScalarView(name.unicodeScalars.filter { $0 != " " && $0 != "_" && $0 != "-" })).lowercased()
        switch key {
        case "l", "letter": return letter
        case "n", "number": return number
        case "p", "punctuation", "punct": return punctuation
        case "s", "symbol": return symbol
        case "m", "mark", "combiningmark": return mark
        case "c", "other": return control
        case "z", "separator": return separator
        case "whitespace", "space": return whitespace
        case "alphabetic", "alpha": return alphabetic
        case "word", "w": return word
        case "any": return .all
        case "assigned": return union([.unassigned]).inverted
        case "ascii": return ScalarSet(0...0x7F)
        case "digit": return decimal
        case "alnum": return alphabetic.union(decimal)
        case "cntrl": return union([.control])
        case "upper", "uppercase": return property { $0.isUppercase }
        case "lower", "lowercase": return property { $0.isLowercase }
        case "blank": return union([.spaceSeparator]).union(ScalarSet(9...9))
        case "xdigit": return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        case "emoji": return property { $0.isEmoji }
        case "extendedpictographic": return nil
        default:
            if let categories = categoryNames[key] { return union(categories) }
            return UnicodeScripts.named(key)
        }
    }

    private static func property(_ holds: (Unicode.Scalar.Properties) -> Bool) -> ScalarSet {
        var ranges: [ClosedRange<UInt32>] = []
        for code in UInt32(0)..<0x20000 {
            guard let scalar = Unicode.Scalar(code), isKnown(scalar, since: 16), holds(scalar.properties) else { continue }
            if let last = ranges.last, last.upperBound + 1 == code {
                ranges[ranges.count - 1] = last.lowerBound...code
            } else {
                ranges.append(code...code)
            }
        }
        return ScalarSet(ranges)
    }
}
