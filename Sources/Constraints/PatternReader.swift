/// Reads a pattern.
struct PatternReader {
    struct Failure: Error { var reason: String }
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private static let lengthLimit = 4_096
    private static let depthLimit = 32
    private static let countLimit = 10_000

    /// - Throws: ``Failure`` with the end of a sentence about the pattern.
    static func read(_ text: String) throws(Failure) -> Pattern {
        let scalars = Array(text.unicodeScalars)
        guard scalars.count <= lengthLimit else { throw Failure(reason: "is longer than \(lengthLimit) characters") }
        var reader = PatternReader(scalars: scalars)
        return try reader.whole()
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    /// The pattern with what may stand around it, since it need not be all of the text.
    private mutating func whole() throws(Failure) -> Pattern {
        var choices: [Pattern] = []
        repeat {
            let isAtStart = skip("^")
            let inner = try sequence()
            let isAtEnd = skip("$")
            choices.append(.sequence((isAtStart ? [] : [.anyText]) + [inner] + (isAtEnd ? [] : [.anyText])))
        } while skip("|")
        guard position == scalars.count else { throw Failure(reason: "has a ) or $ where none can be") }
        return choices.count == 1 ? choices[0] : .anyOf(choices)
    }

    private mutating func alternatives() throws(Failure) -> Pattern {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw Failure(reason: "is nested more than \(Self.depthLimit) levels deep") }
        var choices = [try sequence()]
        while skip("|") { choices.append(try sequence()) }
        return choices.count == 1 ? choices[0] : .anyOf(choices)
    }

    private mutating func sequence() throws(Failure) -> Pattern {
        var parts: [Pattern] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if scalar == "$" {
                // The end of the text, or of its alternative.
                if depth == 0, position + 1 == scalars.count || scalars[position + 1] == "|" { break }
                throw Failure(reason: "has $ before its end")
            }
            if scalar == "^" { throw Failure(reason: "has ^ behind its beginning") }
            parts.append(try repeated(try atom()))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repeated(_ atom: Pattern) throws(Failure) -> Pattern {
        var (least, most): (Int, Int?)
        switch next {
        case "*": (least, most) = (0, nil)
        case "+": (least, most) = (1, nil)
        case "?": (least, most) = (0, 1)
        case "{":
            guard let counts = try counts() else { return atom }
            (least, most) = counts
            position -= 1
        default: return atom
        }
        position += 1
        // Lazy or not, the texts are the same.
        _ = skip("?")
        if let next, "*+?{".unicodeScalars.contains(next) { throw Failure(reason: "repeats a repetition") }
        if let limit = most, limit < least { throw Failure(reason: "has a repetition whose limits are the wrong way round") }
        return .repeated(atom, least: least, most: most)
    }

    /// `{m}`, `{m,}` or `{m,n}`.
    private mutating func counts() throws(Failure) -> (Int, Int?)? {
        let start = position
        position += 1
        func number() throws(Failure) -> Int? {
            var digits = ""
            while let scalar = next, ("0"..."9").contains(scalar), digits.count < 6 {
                digits.unicodeScalars.append(scalar)
                position += 1
            }
            return Int(digits)
        }
        guard let least = try number() else { throw Failure(reason: "has a { that begins no repetition") }
        var most: Int? = least
        if skip(",") { most = try number() }
        guard skip("}") else { throw Failure(reason: "has a { that begins no repetition") }
        guard least <= Self.countLimit, most ?? 0 <= Self.countLimit else {
            position = start
            throw Failure(reason: "repeats more than \(Self.countLimit) times")
        }
        return (least, most)
    }

    private mutating func atom() throws(Failure) -> Pattern {
        guard let scalar = next else { return .empty }
        position += 1
        switch scalar {
        case "(":
            if skip("?") {
                if !skip(":") {
                    // A name changes nothing.
                    guard skip("<"), next != "=", next != "!" else {
                        throw Failure(reason: "looks ahead or behind, which is not supported")
                    }
                    while let scalar = next, scalar != ">" { _ = skip(scalar) }
                    guard skip(">") else { throw Failure(reason: "has a group without an end") }
                }
            }
            let inner = try alternatives()
            guard skip(")") else { throw Failure(reason: "has a ( without its )") }
            return inner
        case "[": return .character(try characterClass())
        case ".": return .character([0...9, 11...12, 14...0x2027, 0x202A...0xD7FF, 0xE000...0x10FFFF])
        case "\\": return .character(try escape(inClass: false))
        case "*", "+", "?": throw Failure(reason: "repeats nothing")
        default: return .character([scalar.value...scalar.value])
        }
    }

    private mutating func characterClass() throws(Failure) -> [ClosedRange<UInt32>] {
        let isNegated = skip("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !skip("]") {
            let first = try classItem()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges += first
                continue
            }
            position += 1
            let last = try classItem()
            guard first.count == 1, last.count == 1, first[0].count == 1, last[0].count == 1, first[0].lowerBound <= last[0].lowerBound
            else { throw Failure(reason: "has a range of characters that is none") }
            ranges.append(first[0].lowerBound...last[0].lowerBound)
        }
        ranges = isNegated ? CharacterRanges.complement(ranges) : CharacterRanges.joined(ranges)
        guard !ranges.isEmpty else { throw Failure(reason: "has a class without characters") }
        return ranges
    }

    private mutating func classItem() throws(Failure) -> [ClosedRange<UInt32>] {
        guard let scalar = next else { throw Failure(reason: "has a [ without its ]") }
        position += 1
        return scalar == "\\" ? try escape(inClass: true) : [scalar.value...scalar.value]
    }

    private mutating func escape(inClass: Bool) throws(Failure) -> [ClosedRange<UInt32>] {
        guard let scalar = next else { throw Failure(reason: "ends in a backslash") }
        position += 1
        func one(_ value: UInt32) -> [ClosedRange<UInt32>] { [value...value] }
        switch scalar {
        case "d": return CharacterRanges.digits
        case "D": return CharacterRanges.complement(CharacterRanges.digits)
        case "w": return CharacterRanges.words
        case "W": return CharacterRanges.complement(CharacterRanges.words)
        case "s": return CharacterRanges.spaces
        case "S": return CharacterRanges.complement(CharacterRanges.spaces)
        case "n": return one(10)
        case "r": return one(13)
        case "t": return one(9)
        case "f": return one(12)
        case "v": return one(11)
        case "0": return one(0)
        case "b" where inClass: return one(8)
        case "x": return one(try hexadecimal(2))
        case "u": return one(try hexadecimal(4))
        default:
            guard !("a"..."z").contains(scalar), !("A"..."Z").contains(scalar), !("1"..."9").contains(scalar) else {
                throw Failure(reason: "has \\\(scalar), which is not supported")
            }
            return one(scalar.value)
        }
    }

    private mutating func hexadecimal(_ count: Int) throws(Failure) -> UInt32 {
        var digits = ""
        while digits.count < count, let scalar = next {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        guard digits.count == count, let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil else {
            throw Failure(reason: "has an escape that names no character")
        }
        return value
    }
}
