/// Reads a regular expression in Oniguruma's syntax, as far as splitting expressions need it.
///
/// Expressions come from files that are not trusted: what is not understood is an error, never a
/// guess.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var dotMatchesNewline = false
    private var depth = 0

    init(_ expression: String) { scalars = Array(expression.unicodeScalars) }

    mutating func parse() throws(PatternError) -> PatternSyntax {
        guard scalars.count <= 100_000 else { throw PatternError(message: "the expression is too long") }
        let node = try alternatives()
        if position < scalars.count { throw PatternError(message: "unexpected ')' in the expression") }
        return node
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= scalars.count else { return false }
        for index in 0..<count where scalars[position + index].value != UInt32(text.utf8Start[index]) { return false }
        position += count
        return true
    }

    private mutating func alternatives() throws(PatternError) -> PatternSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth < 100 else { throw PatternError(message: "the expression is nested too deeply") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternSyntax {
        var nodes: [PatternSyntax] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if take("(?#") {
                while let scalar = next, scalar != ")" { position += 1 }
                guard take(")") else { throw PatternError(message: "a comment is not closed") }
                continue
            }
            nodes.append(try quantified(try atom()))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func quantified(_ atom: PatternSyntax) throws(PatternError) -> PatternSyntax {
        var node = atom
        while true {
            switch next {
            case "*", "+", "?":
                let (minimum, maximum) = next == "*" ? (0, Int.max) : next == "+" ? (1, Int.max) : (0, 1)
                position += 1
                let mode: PatternSyntax.Mode = take("?") ? .lazy : take("+") ? .possessive : .greedy
                node = .repeated(node, minimum: minimum, maximum: maximum, mode: mode)
            case "{":
                guard let (minimum, maximum) = try bounds() else { return node }
                // Behind braces a plus repeats once more, and `{n}?` means that it may be missing.
                if next == "?" {
                    position += 1
                    node = .repeated(node, minimum: minimum, maximum: maximum, mode: minimum == maximum ? .greedy : .lazy)
                    if minimum == maximum { node = .repeated(node, minimum: 0, maximum: 1, mode: .greedy) }
                } else {
                    node = .repeated(node, minimum: minimum, maximum: maximum, mode: .greedy)
                }
            default: return node
            }
        }
    }

    /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; anything else is a literal brace.
    private mutating func bounds() throws(PatternError) -> (Int, Int)? {
        var index = position + 1
        func number() -> Int? {
            var value: Int?
            while index < scalars.count, (0x30...0x39).contains(scalars[index].value) {
                value = min(1_000_000, (value ?? 0) * 10 + Int(scalars[index].value - 0x30))
                index += 1
            }
            return value
        }
        let low = number()
        var high = low
        if index < scalars.count, scalars[index] == "," {
            index += 1
            high = number()
            if low == nil, high == nil { return nil }
            if high == nil { high = .max }
        }
        guard index < scalars.count, scalars[index] == "}", let high else { return nil }
        guard (low ?? 0) <= high, (low ?? 0) <= 100_000, high == .max || high <= 100_000 else {
            throw PatternError(message: "the bounds of a repetition are out of range")
        }
        position = index + 1
        return (low ?? 0, high)
    }

    private mutating func atom() throws(PatternError) -> PatternSyntax {
        guard let scalar = next else { throw PatternError(message: "the expression ends too early") }
        switch scalar {
        case "(": return try group()
        case "[":
            position += 1
            return .set(try bracket())
        case ".":
            position += 1
            return .set(dotMatchesNewline ? .all : ScalarSet(10...10).inverted)
        case "^":
            position += 1
            return .anchor(.lineStart)
        case "$":
            position += 1
            return .anchor(.lineEnd)
        case "\\": return try escapedAtom()
        case "*", "+", "?": throw PatternError(message: "nothing before '\(scalar)' to repeat")
        case "{":
            let saved = position
            let isBound = try bounds() != nil
            position = saved
            if isBound { throw PatternError(message: "nothing before '{' to repeat") }
            position += 1
            return .set(literal(scalar))
        default:
            position += 1
            return .set(literal(scalar))
        }
    }

    private mutating func escapedAtom() throws(PatternError) -> PatternSyntax {
        if take("\\A") { return .anchor(.textStart) }
        if take("\\z") { return .anchor(.textEnd) }
        if take("\\Z") { return .anchor(.textEndOrLastLine) }
        if take("\\b") { return .anchor(.wordBoundary) }
        if take("\\B") { return .anchor(.noWordBoundary) }
        if take("\\R") {
            let single = ScalarSet([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
            return .atomic(.alternatives([.sequence([.set(ScalarSet(13...13)), .set(ScalarSet(10...10))]), .set(single)]))
        }
        if take("\\O") { return .set(.all) }
        if take("\\Q") {
            var nodes: [PatternSyntax] = []
            while position < scalars.count, !take("\\E") {
                nodes.append(.set(literal(scalars[position])))
                position += 1
            }
            return .sequence(nodes)
        }
        return .set(try escape())
    }

    private func literal(_ scalar: Unicode.Scalar) -> ScalarSet { cased(ScalarSet(scalar)) }

    private func cased(_ set: ScalarSet) -> ScalarSet { ignoresCase ? CaseFolding.closed(set) : set }

    private mutating func group() throws(PatternError) -> PatternSyntax {
        let saved = (ignoresCase, dotMatchesNewline)
        defer { (ignoresCase, dotMatchesNewline) = saved }
        var wrap: (PatternSyntax) -> PatternSyntax = { $0 }
        if take("(?:") {
        } else if take("(?>") {
            wrap = { .atomic($0) }
        } else if take("(?=") {
            wrap = { .lookAhead($0, isNegative: false) }
        } else if take("(?!") {
            wrap = { .lookAhead($0, isNegative: true) }
        } else if take("(?<=") {
            return try lookBehind(isNegative: false)
        } else if take("(?<!") {
            return try lookBehind(isNegative: true)
        } else if take("(?<") {
            var length = 0
            while let scalar = next, scalar != ">" {
                position += 1
                length += 1
            }
            guard length > 0, take(">") else { throw PatternError(message: "a group's name is not closed") }
        } else if take("(?") {
            if try options() { return try alternatives() }
        } else {
            position += 1
        }
        let inner = try alternatives()
        guard take(")") else { throw PatternError(message: "a '(' is not closed") }
        return wrap(inner)
    }

    /// `(?i)`, `(?i-m:` and the like.
    /// - Returns: whether the options hold to the end of the enclosing group, whose closing
    ///   parenthesis is not taken.
    private mutating func options() throws(PatternError) -> Bool {
        var isOn = true
        while let scalar = next {
            position += 1
            switch scalar {
            case "i": ignoresCase = isOn
            case "m": dotMatchesNewline = isOn
            case "-": isOn = false
            case ":": return false
            case ")": return true
            default: throw PatternError(message: "a kind of group that is not supported: (?\(scalar)")
            }
        }
        throw PatternError(message: "a '(' is not closed")
    }

    private mutating func lookBehind(isNegative: Bool) throws(PatternError) -> PatternSyntax {
        let inner = try alternatives()
        guard take(")") else { throw PatternError(message: "a '(' is not closed") }
        var branches: [PatternSyntax] = [inner]
        if case .alternatives(let list) = inner { branches = list }
        for branch in branches {
            guard let length = branch.fixedLength, length <= 255 else {
                throw PatternError(message: "a look-behind of varying length is not supported")
            }
        }
        return .lookBehind(inner, isNegative: isNegative)
    }

    private mutating func bracket() throws(PatternError) -> ScalarSet {
        depth += 1
        defer { depth -= 1 }
        guard depth < 100 else { throw PatternError(message: "the expression is nested too deeply") }
        let isNegated = take("^")
        var done: ScalarSet?
        var ranges: [ClosedRange<UInt32>] = []
        var set = ScalarSet()
        var isFirst = true
        while let scalar = next {
            if scalar == "]", !isFirst {
                position += 1
                set = set.union(ScalarSet(ranges))
                set = cased(done.map { $0.intersection(set) } ?? set)
                return isNegated ? set.inverted : set
            }
            isFirst = false
            if take("&&") {
                set = set.union(ScalarSet(ranges))
                done = done.map { $0.intersection(set) } ?? set
                (set, ranges) = (ScalarSet(), [])
                continue
            }
            if take("[:") {
                set = set.union(try posixClass())
                continue
            }
            if scalar == "[" {
                position += 1
                set = set.union(try bracket())
                continue
            }
            let low = try member()
            if let from = low.onlyMember, next == "-", position + 1 < scalars.count, scalars[position + 1] != "]",
                scalars[position + 1] != "["
            {
                position += 1
                guard let to = try member().onlyMember else { throw PatternError(message: "a range of characters ends in a class") }
                guard from <= to else { throw PatternError(message: "a range of characters runs backwards") }
                ranges.append(from...to)
            } else if let only = low.onlyMember {
                ranges.append(only...only)
            } else {
                set = set.union(low)
            }
        }
        throw PatternError(message: "a '[' is not closed")
    }

    /// One scalar or escape inside brackets.
    private mutating func member() throws(PatternError) -> ScalarSet {
        guard let scalar = next else { throw PatternError(message: "a '[' is not closed") }
        if take("\\b") { return ScalarSet(8...8) }
        if scalar == "\\" {
            let saved = ignoresCase
            ignoresCase = false
            defer { ignoresCase = saved }
            return try escape()
        }
        position += 1
        return ScalarSet(scalar)
    }

    /// `[:alpha:]`, `[:^alpha:]` inside brackets; the opening is taken.
    private mutating func posixClass() throws(PatternError) -> ScalarSet {
        let isNegated = take("^")
        var name = ""
        while let scalar = next, scalar != ":" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":]"), let set = UnicodeSets.named(name) else { throw PatternError(message: "the class [:\(name):] is not supported") }
        return isNegated ? set.inverted : set
    }

    private mutating func escape() throws(PatternError) -> ScalarSet {
        position += 1
        guard let scalar = next else { throw PatternError(message: "the expression ends with a backslash") }
        position += 1
        switch scalar {
        case "s": return UnicodeSets.whitespace
        case "S": return UnicodeSets.whitespace.inverted
        case "d": return UnicodeSets.decimal
        case "D": return UnicodeSets.decimal.inverted
        case "w": return UnicodeSets.word
        case "W": return UnicodeSets.word.inverted
        case "h": return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        case "H": return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]).inverted
        case "n": return ScalarSet(10...10)
        case "r": return ScalarSet(13...13)
        case "t": return ScalarSet(9...9)
        case "f": return ScalarSet(12...12)
        case "v": return ScalarSet(11...11)
        case "a": return ScalarSet(7...7)
        case "e": return ScalarSet(27...27)
        case "x", "u": return try numbered(scalar)
        case "0": return try octal()
        case "p", "P": return try property(isNegated: scalar == "P")
        default:
            if scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value) {
                throw PatternError(message: "the escape \\\(scalar) is not supported")
            }
            return literal(scalar)
        }
    }

    private mutating func octal() throws(PatternError) -> ScalarSet {
        var code: UInt32 = 0
        var count = 0
        while count < 2, let digit = next, (0x30...0x37).contains(digit.value) {
            code = code * 8 + digit.value - 0x30
            position += 1
            count += 1
        }
        return ScalarSet(code...code)
    }

    private mutating func numbered(_ kind: Unicode.Scalar) throws(PatternError) -> ScalarSet {
        var digits = ""
        if kind == "x", take("{") {
            while let digit = next, digit != "}" {
                digits.unicodeScalars.append(digit)
                position += 1
            }
            guard take("}") else { throw PatternError(message: "an escape's brace is not closed") }
        } else {
            while digits.utf8.count < (kind == "x" ? 2 : 4), let digit = next, digit.properties.isASCIIHexDigit {
                digits.unicodeScalars.append(digit)
                position += 1
            }
            if kind == "u", digits.utf8.count < 4 { throw PatternError(message: "\\u needs four hexadecimal digits") }
        }
        guard let code = UInt32(digits, radix: 16), let value = Unicode.Scalar(code) else {
            throw PatternError(message: "an escape names no character")
        }
        if kind == "x", digits.utf8.count <= 2, code > 0x7F { throw PatternError(message: "\\x\(digits) is not a whole character") }
        return literal(value)
    }

    private mutating func property(isNegated: Bool) throws(PatternError) -> ScalarSet {
        var isNegated = isNegated
        var name = ""
        if take("{") {
            if take("^") { isNegated.toggle() }
            while let letter = next, letter != "}" {
                name.unicodeScalars.append(letter)
                position += 1
            }
            guard take("}") else { throw PatternError(message: "the brace behind \\p is not closed") }
        } else if let letter = next {
            name.unicodeScalars.append(letter)
            position += 1
        }
        guard let set = UnicodeSets.named(name) else { throw PatternError(message: "the property \(name) is not supported") }
        return isNegated ? set.inverted : set
    }
}
