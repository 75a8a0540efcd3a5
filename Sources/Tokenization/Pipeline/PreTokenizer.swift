/// Cuts normalised text into words, which the model then cuts alone: the `pre_tokenizer` of tokenizer.json.
indirect enum PreTokenizer: Sendable {
    enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }
    enum PrependScheme: String, Sendable { case always, never, first }

    case sequence([PreTokenizer])
    case split(Finder, Behavior, isInverted: Bool)
    case byteLevel(addsPrefixSpace: Bool, usesExpression: Bool)
    case metaspace(replacement: Unicode.Scalar, scheme: PrependScheme, splits: Bool)
    case digits(areIndividual: Bool)
    case punctuation(Behavior)
    case whitespace
    case whitespaceSplit
    case nothing

    /// - Parameter isFirst: whether the piece begins the whole text.
    func apply(_ pieces: [AlignedText], isFirst: Bool) -> [AlignedText] {
        switch self {
        case .nothing: return pieces
        case .sequence(let steps): return steps.reduce(pieces) { $1.apply($0, isFirst: isFirst) }
        case .split(let finder, let behavior, let isInverted):
            return pieces.flatMap { Self.split($0, finder.find(in: $0.scalars), behavior, isInverted: isInverted) }
        case .byteLevel(let addsPrefixSpace, let usesExpression):
            return pieces.flatMap { piece -> [AlignedText] in
                var piece = piece
                if addsPrefixSpace, let first = piece.scalars.first, first != " " {
                    var prefixed = AlignedText()
                    prefixed.append(" ", piece.starts[0], piece.starts[0])
                    prefixed.append(0..<piece.count, of: piece)
                    piece = prefixed
                }
                let words = usesExpression ? Self.split(piece, Self.gpt2.matches(in: piece.scalars), .isolated, isInverted: false) : [piece]
                return words.map(ByteAlphabet.encoded)
            }
        case .metaspace(let replacement, let scheme, let splits):
            return pieces.enumerated().flatMap { index, piece -> [AlignedText] in
                var text = AlignedText()
                let prepends = scheme == .always || (scheme == .first && isFirst && index == 0)
                if prepends, let first = piece.scalars.first, first != replacement, first != " " { text.append(replacement, piece.starts[0], piece.starts[0]) }
                for position in 0..<piece.count {
                    text.append(piece.scalars[position] == " " ? replacement : piece.scalars[position], piece.starts[position], piece.ends[position])
                }
                guard splits else { return [text] }
                let found = text.scalars.indices.filter { text.scalars[$0] == replacement }.map { $0..<($0 + 1) }
                return Self.split(text, found, .mergedWithNext, isInverted: false)
            }
        case .digits(let areIndividual):
            return pieces.flatMap { piece in
                Self.split(piece, Self.runs(piece, isIndividual: areIndividual) { CharacterClass.classes(of: $0) & CharacterClass.number != 0 }, .isolated, isInverted: false)
            }
        case .punctuation(let behavior):
            return pieces.flatMap { piece in
                let found = Self.runs(piece, isIndividual: true) { scalar in
                    CharacterClass.classes(of: scalar) & CharacterClass.punctuation != 0 || (scalar.isASCII && CharacterClass.classes(of: scalar) & CharacterClass.symbol != 0)
                }
                return Self.split(piece, found, behavior, isInverted: false)
            }
        case .whitespace: return pieces.flatMap { Self.split($0, Self.words.matches(in: $0.scalars), .removed, isInverted: true) }
        case .whitespaceSplit:
            return pieces.flatMap { piece in
                Self.split(piece, Self.runs(piece, isIndividual: true) { $0.properties.isWhitespace }, .removed, isInverted: false)
            }
        }
    }

    /// The splitting expression of GPT-2 (Radford et al. 2019).
    private static let gpt2 = expression(#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)
    private static let words = expression(#"\w+|[^\w\s]+"#)

    private static func expression(_ text: String) -> Pattern {
        guard let pattern = try? Pattern(text) else { return Pattern.nothing }
        return pattern
    }

    private static func runs(_ text: AlignedText, isIndividual: Bool, _ isMember: (Unicode.Scalar) -> Bool) -> [Range<Int>] {
        var found: [Range<Int>] = []
        for index in 0..<text.count where isMember(text.scalars[index]) {
            if !isIndividual, let last = found.last, last.upperBound == index { found[found.count - 1] = last.lowerBound..<(index + 1) } else { found.append(index..<(index + 1)) }
        }
        return found
    }

    /// Cuts a text at the found ranges; what becomes of them is the behaviour's to say. Empty pieces vanish.
    static func split(_ text: AlignedText, _ found: [Range<Int>], _ behavior: Behavior, isInverted: Bool) -> [AlignedText] {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        var position = 0
        for range in found {
            if position < range.lowerBound { parts.append((position..<range.lowerBound, isInverted)) }
            parts.append((range, !isInverted))
            position = range.upperBound
        }
        if position < text.count { parts.append((position..<text.count, isInverted)) }
        var ranges: [Range<Int>] = []
        switch behavior {
        case .isolated: ranges = parts.map(\.range)
        case .removed: ranges = parts.filter { !$0.isMatch }.map(\.range)
        case .contiguous:
            var previous: Bool?
            for part in parts {
                if previous == part.isMatch, let last = ranges.last { ranges[ranges.count - 1] = last.lowerBound..<part.range.upperBound } else { ranges.append(part.range) }
                previous = part.isMatch
            }
        case .mergedWithPrevious:
            var previousWasMatch = false
            for part in parts {
                if part.isMatch, !previousWasMatch, let last = ranges.last { ranges[ranges.count - 1] = last.lowerBound..<part.range.upperBound } else { ranges.append(part.range) }
                previousWasMatch = part.isMatch
            }
        case .mergedWithNext:
            var nextWasMatch = false
            for part in parts.reversed() {
                if part.isMatch, !nextWasMatch, let last = ranges.last { ranges[ranges.count - 1] = part.range.lowerBound..<last.upperBound } else { ranges.append(part.range) }
                nextWasMatch = part.isMatch
            }
            ranges.reverse()
        }
        return ranges.filter { !$0.isEmpty }.map { $0 == 0..<text.count ? text : text.slice($0) }
    }
}

extension Pattern {
    /// Matches nothing.
    static let nothing = Pattern(root: .alternatives([]))

    private init(root: Node) { self.root = root }
}
