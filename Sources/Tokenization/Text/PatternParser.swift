/// Reads the text of a ``Pattern``.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0

    init(_ expression: String) { scalars = Array(expression.unicodeScalars) }

    mutating func parse() throws(PatternError) -> Pattern.Node {
        guard scalars.count <= 100_000 else { throw PatternError(message: "the expression is too long") }
        let node = try alternatives()
        if position < scalars.count { throw PatternError(message: "unexpected ')' in the expression") }
        return node
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard position + wanted.count <= scalars.count, Array(scalars[position..<(position + wanted.count)]) == wanted else { return false }
        position += wanted.count
        return true
    }

    private mutating func alternatives() throws(PatternError) -> Pattern.Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < 100 else { throw PatternError(message: "the expression is nested too deeply") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(PatternError) -> Pattern.Node {
        var nodes: [Pattern.Node] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let atom = try atom()
            nodes.append(try quantified(atom))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func quantified(_ atom: Pattern.Node) throws(PatternError) -> Pattern.Node {
        var (minimum, maximum): (Int, Int)
        switch next {
        case "*": (minimum, maximum) = (0, .max)
        case "+": (minimum, maximum) = (1, .max)
        case "?": (minimum, maximum) = (0, 1)
        case "{":
            guard let bounds = bounds() else { return atom }
            (minimum, maximum) = bounds
            position -= 1
        default: return atom
        }
        position += 1
        var mode = Pattern.Mode.greedy
        if take("?") { mode = .lazy } else if take("+") { mode = .possessive }
        return .repeated(atom, minimum: minimum, maximum: maximum, mode: mode)
    }

    /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; anything else is a literal brace.
    private mutating func bounds() -> (Int, Int)? {
        var end = position + 1
        while end < scalars.count, scalars[end] != "}" { end += 1 }
        guard end < scalars.count else { return nil }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[(position + 1)..<end])
        let parts = String(view).split(separator: ",", omittingEmptySubsequences: false)
        let result: (Int, Int)
        if parts.count == 1, let count = Int(parts[0]) { result = (count, count) } else if parts.count == 2 {
            guard let low = parts[0].isEmpty ? 0 : Int(parts[0]), let high = parts[1].isEmpty ? Int.max : Int(parts[1]), !(parts[0].isEmpty && parts[1].isEmpty)
            else { return nil }
            result = (low, high)
        } else {
            return nil
        }
        guard result.0 >= 0, result.0 <= result.1, result.0 < 100_000 else { return nil }
        position = end + 1
        return result
    }

    private mutating func atom() throws(PatternError) -> Pattern.Node {
        guard let scalar = next else { throw PatternError(message: "the expression ends too early") }
        switch scalar {
        case "(": return try group()
        case "[":
            position += 1
            return .set(try bracket())
        case ".":
            position += 1
            return .set(Pattern.ScalarSet(ranges: [10...10], isNegated: true))
        case "^":
            position += 1
            return .start
        case "$":
            position += 1
            return .end
        case "\\":
            if take("\\A") { return .start }
            if take("\\z") || take("\\Z") { return .end }
            if take("\\b") { return .wordBoundary }
            return .set(try escape())
        case "*", "+", "?": throw PatternError(message: "nothing before '\(scalar)' to repeat")
        default:
            position += 1
            return .set(literal(scalar))
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> Pattern.ScalarSet {
        Pattern.ScalarSet(ranges: [scalar.value...scalar.value], ignoresCase: ignoresCase)
    }

    private mutating func group() throws(PatternError) -> Pattern.Node {
        let saved = ignoresCase
        defer { ignoresCase = saved }
        var look: Bool?
        var behind: Bool?
        if take("(?:") || take("(?>") {
        } else if take("(?i:") {
            ignoresCase = true
        } else if take("(?i)") {
            // Holds to the end of the enclosing group, which in tokenizers is the whole expression.
            ignoresCase = true
            return try alternatives()
        } else if take("(?=") {
            look = false
        } else if take("(?!") {
            look = true
        } else if take("(?<=") {
            behind = false
        } else if take("(?<!") {
            behind = true
        } else if take("(?") {
            throw PatternError(message: "a kind of group that is not supported: (?\(next.map { String($0) } ?? "")")
        } else {
            position += 1
        }
        let inner = try alternatives()
        guard take(")") else { throw PatternError(message: "a '(' is not closed") }
        if let look { return .lookAhead(inner, isNegative: look) }
        if let behind {
            guard case .set(let set) = inner else { throw PatternError(message: "look-behind of more than one character is not supported") }
            return .lookBehind(set, isNegative: behind)
        }
        return inner
    }

    private mutating func bracket() throws(PatternError) -> Pattern.ScalarSet {
        var set = Pattern.ScalarSet(ignoresCase: ignoresCase)
        if take("^") { set.isNegated = true }
        var isFirst = true
        while let scalar = next {
            if scalar == "]", !isFirst {
                position += 1
                return set
            }
            isFirst = false
            if take("&&") { throw PatternError(message: "intersections of classes are not supported") }
            if scalar == "[" {
                position += 1
                set.parts.append(try bracket())
                continue
            }
            let low: Pattern.ScalarSet
            if scalar == "\\" { low = try escape() } else {
                position += 1
                low = literal(scalar)
            }
            let isSingle = !low.isNegated && low.classes == 0 && low.parts.isEmpty && low.ranges.count == 1 && low.ranges[0].count == 1
            if isSingle, next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                let high: Pattern.ScalarSet
                if next == "\\" { high = try escape() } else {
                    high = literal(next ?? " ")
                    position += 1
                }
                guard high.ranges.count == 1, low.ranges[0].lowerBound <= high.ranges[0].lowerBound else { throw PatternError(message: "a range of characters runs backwards") }
                set.ranges.append(low.ranges[0].lowerBound...high.ranges[0].lowerBound)
            } else if isSingle {
                set.ranges += low.ranges
            } else {
                set.parts.append(low)
            }
        }
        throw PatternError(message: "a '[' is not closed")
    }

    private mutating func escape() throws(PatternError) -> Pattern.ScalarSet {
        position += 1
        guard let scalar = next else { throw PatternError(message: "the expression ends with a backslash") }
        position += 1
        switch scalar {
        case "s": return Pattern.ScalarSet(classes: CharacterClass.whitespace)
        case "S": return Pattern.ScalarSet(classes: CharacterClass.whitespace, isNegated: true)
        case "d": return try category("Nd", isNegated: false)
        case "D": return try category("Nd", isNegated: true)
        case "w", "W":
            return Pattern.ScalarSet(
                ranges: [0x5F...0x5F], classes: CharacterClass.letter | CharacterClass.number | CharacterClass.mark, isNegated: scalar == "W")
        case "n": return literal("\n")
        case "r": return literal("\r")
        case "t": return literal("\t")
        case "f": return literal("\u{0C}")
        case "v": return literal("\u{0B}")
        case "x", "u":
            var digits = ""
            if take("{") {
                while let digit = next, digit != "}" {
                    digits.unicodeScalars.append(digit)
                    position += 1
                }
                position += 1
            } else {
                while digits.count < (scalar == "x" ? 2 : 4), let digit = next, digit.properties.isASCIIHexDigit {
                    digits.unicodeScalars.append(digit)
                    position += 1
                }
            }
            guard let code = UInt32(digits, radix: 16), let value = Unicode.Scalar(code) else { throw PatternError(message: "an escape names no character") }
            return literal(value)
        case "p", "P":
            guard take("{") else { throw PatternError(message: "\\p needs a property in braces") }
            var isNegated = scalar == "P"
            if take("^") { isNegated.toggle() }
            var name = ""
            while let letter = next, letter != "}" {
                name.unicodeScalars.append(letter)
                position += 1
            }
            position += 1
            return try category(name, isNegated: isNegated)
        default:
            if scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value) {
                throw PatternError(message: "the escape \\\(scalar) is not supported")
            }
            return literal(scalar)
        }
    }

    private func category(_ name: String, isNegated: Bool) throws(PatternError) -> Pattern.ScalarSet {
        switch name {
        case "L", "Letter": return Pattern.ScalarSet(classes: CharacterClass.letter, isNegated: isNegated)
        case "N", "Number": return Pattern.ScalarSet(classes: CharacterClass.number, isNegated: isNegated)
        case "P", "Punctuation": return Pattern.ScalarSet(classes: CharacterClass.punctuation, isNegated: isNegated)
        case "S", "Symbol": return Pattern.ScalarSet(classes: CharacterClass.symbol, isNegated: isNegated)
        case "M", "Mark": return Pattern.ScalarSet(classes: CharacterClass.mark, isNegated: isNegated)
        case "C": return Pattern.ScalarSet(classes: CharacterClass.control, isNegated: isNegated)
        default:
            guard let member = UnicodeCategories.set(named: name) else { throw PatternError(message: "the property \(name) is not supported") }
            var set = member
            set.isNegated = isNegated
            return set
        }
    }
}

/// Sets of single general categories and of scripts that tokenizers name.
enum UnicodeCategories {
    private static let categories: [String: [Unicode.GeneralCategory]] = [
        "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter], "Lm": [.modifierLetter], "Lo": [.otherLetter],
        "Nd": [.decimalNumber], "Nl": [.letterNumber], "No": [.otherNumber], "Mn": [.nonspacingMark], "Mc": [.spacingMark], "Me": [.enclosingMark],
        "Sm": [.mathSymbol], "Sc": [.currencySymbol], "Sk": [.modifierSymbol], "So": [.otherSymbol], "Zs": [.spaceSeparator],
        "Z": [.spaceSeparator, .lineSeparator, .paragraphSeparator],
        "Pc": [.connectorPunctuation], "Pd": [.dashPunctuation], "Ps": [.openPunctuation], "Pe": [.closePunctuation],
        "Pi": [.initialPunctuation], "Pf": [.finalPunctuation], "Po": [.otherPunctuation],
    ]
    /// Blocks are taken for scripts where the difference does not occur in text.
    private static let scripts: [String: [ClosedRange<UInt32>]] = [
        "Han": [0x2E80...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAD9, 0x20000...0x323AF],
        "Hiragana": [0x3041...0x3096, 0x309D...0x309F], "Katakana": [0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF6F, 0xFF71...0xFF9D],
        "Hangul": [0x1100...0x11FF, 0x3131...0x318E, 0xAC00...0xD7A3],
    ]

    static func set(named name: String) -> Pattern.ScalarSet? {
        if let ranges = scripts[name] { return Pattern.ScalarSet(ranges: ranges) }
        guard let wanted = categories[name] else { return nil }
        return Pattern.ScalarSet(ranges: ranges(of: wanted))
    }

    private static func ranges(of wanted: [Unicode.GeneralCategory]) -> [ClosedRange<UInt32>] {
        var ranges: [ClosedRange<UInt32>] = []
        for code in UInt32(0)...0x1FFFF {
            guard let scalar = Unicode.Scalar(code), wanted.contains(scalar.properties.generalCategory) else { continue }
            if let last = ranges.last, last.upperBound + 1 == code { ranges[ranges.count - 1] = last.lowerBound...code } else { ranges.append(code...code) }
        }
        return ranges
    }
}
