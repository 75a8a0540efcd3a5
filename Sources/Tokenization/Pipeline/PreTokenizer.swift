/// Text and the pieces into which it is cut.
struct CutText {
    var text: AlignedText
    var pieces: [Range<Int>]

    /// Cuts each piece at what `find` finds in it.
    func cut(_ behavior: SplitBehavior, isInverted: Bool = false, _ find: (Range<Int>, inout [Range<Int>]) -> Void) -> CutText {
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count + pieces.count / 2 + 8)
        var found: [Range<Int>] = []
        for piece in pieces {
            found.removeAll(keepingCapacity: true)
            find(piece, &found)
            if found.isEmpty {
                // Without a delimiter all is text; inverted, all is the delimiter.
                if !(isInverted && behavior == .removed) { result.append(piece) }
            } else {
                behavior.cut(piece, at: found, isInverted: isInverted, into: &result)
            }
        }
        return CutText(text: text, pieces: result)
    }

    /// Cuts each piece where an expression or string matches.
    func cut(_ behavior: SplitBehavior, isInverted: Bool = false, at finder: Finder) -> CutText {
        text.bytes.withUnsafeBufferPointer { bytes in
            var result = self
            finder.search(bytes) { find in result = cut(behavior, isInverted: isInverted, find) }
            return result
        }
    }

    /// Cuts each piece at the scalars of a set.
    /// - Parameter joinsRuns: scalars side by side are one delimiter.
    func cut(_ behavior: SplitBehavior, at set: ScalarTable, joinsRuns: Bool = false) -> CutText {
        text.bytes.withUnsafeBufferPointer { bytes in
            cut(behavior) { piece, found in
                var position = piece.lowerBound
                while position < piece.upperBound {
                    let end = min(piece.upperBound, position + UTF8Scalars.width(bytes[position]))
                    if set.contains(UTF8Scalars.scalar(bytes, position, piece.upperBound)) {
                        if joinsRuns, let last = found.last, last.upperBound == position {
                            found[found.count - 1] = last.lowerBound..<end
                        } else {
                            found.append(position..<end)
                        }
                    }
                    position = end
                }
            }
        }
    }
}

/// Cuts normalised text into words, which the model then cuts alone: the `pre_tokenizer` of
/// tokenizer.json.
indirect enum PreTokenizer: Sendable {
    enum PrependScheme: String, Sendable { case always, never, first }

    case sequence([PreTokenizer])
    case split(Finder, SplitBehavior, isInverted: Bool)
    /// - `mapsBytes`: writes each byte as a character of GPT-2's alphabet; not done where the model
    ///   takes bytes.
    case byteLevel(addsPrefixSpace: Bool, usesExpression: Bool, mapsBytes: Bool)
    case metaspace(replacement: Unicode.Scalar, scheme: PrependScheme, splits: Bool)
    case digits(areIndividual: Bool)
    case punctuation(SplitBehavior)
    case whitespace
    case whitespaceSplit
    case delimiter(Unicode.Scalar)
    case bert
    case fixedLength(Int)
    case nothing

    func apply(_ cut: CutText) -> CutText {
        switch self {
        case .nothing: return cut
        case .sequence(let steps): return steps.reduce(cut) { $1.apply($0) }
        case .split(let finder, let behavior, let isInverted): return cut.cut(behavior, isInverted: isInverted, at: finder)
        case .byteLevel(let addsPrefixSpace, let usesExpression, let mapsBytes):
            var cut = addsPrefixSpace ? Self.prefixed(cut, with: " ") { _ in true } : cut
            if usesExpression { cut = cut.cut(.isolated, at: Self.gpt2) }
            if mapsBytes { cut.text = ByteAlphabet.encoded(cut.text, &cut.pieces) }
            return cut
        case .metaspace(let replacement, let scheme, let splits):
            var cut = Self.replacingSpaces(cut, by: replacement)
            if scheme != .never { cut = Self.prefixed(cut, with: replacement) { start in scheme == .always || start == 0 } }
            return splits ? cut.cut(.mergedWithNext, at: .string(Array(String(replacement).utf8))) : cut
        case .digits(let areIndividual): return cut.cut(.isolated, at: Self.number, joinsRuns: !areIndividual)
        case .punctuation(let behavior): return cut.cut(behavior, at: Self.punctuation)
        case .whitespace: return cut.cut(.removed, isInverted: true, at: Self.words)
        case .whitespaceSplit: return cut.cut(.removed, at: Self.space)
        case .delimiter(let scalar): return cut.cut(.removed, at: .string(Array(String(scalar).utf8)))
        case .bert: return cut.cut(.removed, at: Self.space).cut(.isolated, at: Self.punctuation)
        case .fixedLength(let length): return Self.chunks(cut, of: length)
        }
    }

    /// The splitting expression of GPT-2 (Radford et al. 2019).
    private static let gpt2 = expression(#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)
    private static let words: Finder = {
        let word = PatternSyntax.set(UnicodeSets.wordWithJoiners)
        let other = PatternSyntax.set(UnicodeSets.wordWithJoiners.union(UnicodeSets.whitespace).inverted)
        let syntax = PatternSyntax.alternatives([word, other].map { .repeated($0, minimum: 1, maximum: .max, mode: .greedy) })
        return (try? Pattern(syntax)).map { .pattern($0) } ?? .string([])
    }()
    private static let number = ScalarTable(UnicodeSets.number)
    private static let space = ScalarTable(UnicodeSets.whitespace)
    private static let punctuation = ScalarTable(UnicodeSets.delimiters)

    private static func expression(_ text: String) -> Finder { (try? Pattern(text)).map { .pattern($0) } ?? .string([]) }

    /// Puts a scalar before each piece that does not begin with it and for whose place in the
    /// original `isWanted` holds.
    private static func prefixed(_ cut: CutText, with scalar: Unicode.Scalar, _ isWanted: (Int) -> Bool) -> CutText {
        let prefix = Array(String(scalar).utf8)
        var pieces: [Range<Int>] = []
        pieces.reserveCapacity(cut.pieces.count)
        var builder = AlignedTextBuilder(cut.text)
        var hasChanged = false
        for piece in cut.pieces {
            let start = builder.result.count
            if !cut.text.bytes[piece].starts(with: prefix), isWanted(cut.text.original(piece.lowerBound..<piece.lowerBound).lowerBound) {
                builder.insert(prefix, for: piece.lowerBound..<piece.lowerBound)
                hasChanged = true
            }
            builder.copy(piece)
            pieces.append(start..<builder.result.count)
        }
        return hasChanged ? CutText(text: builder.result, pieces: pieces) : cut
    }

    private static func replacingSpaces(_ cut: CutText, by replacement: Unicode.Scalar) -> CutText {
        guard replacement != " ", cut.text.bytes.contains(0x20) else { return cut }
        let content = Array(String(replacement).utf8)
        var pieces: [Range<Int>] = []
        pieces.reserveCapacity(cut.pieces.count)
        var builder = AlignedTextBuilder(cut.text)
        for piece in cut.pieces {
            let start = builder.result.count
            var done = piece.lowerBound
            for position in piece where cut.text.bytes[position] == 0x20 {
                builder.copy(done..<position)
                builder.insert(content, for: position..<(position + 1))
                done = position + 1
            }
            builder.copy(done..<piece.upperBound)
            pieces.append(start..<builder.result.count)
        }
        return CutText(text: builder.result, pieces: pieces)
    }

    private static func chunks(_ cut: CutText, of length: Int) -> CutText {
        cut.text.bytes.withUnsafeBufferPointer { bytes in
            cut.cut(.isolated) { piece, found in
                var start = piece.lowerBound
                while start < piece.upperBound {
                    var end = start
                    for _ in 0..<length where end < piece.upperBound { end += UTF8Scalars.width(bytes[end]) }
                    end = min(end, piece.upperBound)
                    found.append(start..<end)
                    start = end
                }
            }
        }
    }
}

extension PreTokenizer {
    /// Whether the last step writes bytes as characters of GPT-2's alphabet, and no step before it
    /// does.
    var endsInBytes: Bool {
        switch self {
        case .byteLevel: true
        case .sequence(let steps):
            steps.last?.endsInBytes == true && !steps.dropLast().contains(where: \.mapsBytes)
        default: false
        }
    }

    private var mapsBytes: Bool {
        switch self {
        case .byteLevel: true
        case .sequence(let steps): steps.contains(where: \.mapsBytes)
        default: false
        }
    }

    /// The same, but the last step leaves the bytes as they are.
    var withoutMappingLast: PreTokenizer {
        switch self {
        case .byteLevel(let addsPrefixSpace, let usesExpression, _):
            .byteLevel(addsPrefixSpace: addsPrefixSpace, usesExpression: usesExpression, mapsBytes: false)
        case .sequence(let steps): .sequence(steps.dropLast() + (steps.last.map { [$0.withoutMappingLast] } ?? []))
        default: self
        }
    }
}
