/// What a regular expression says, before it is compiled.
indirect enum PatternSyntax: Sendable {
    enum Mode: Sendable { case greedy, lazy, possessive }
    enum Anchor: Sendable { case textStart, textEnd, textEndOrLastLine, lineStart, lineEnd, wordBoundary, noWordBoundary, never }

    case set(ScalarSet)
    case sequence([PatternSyntax])
    case alternatives([PatternSyntax])
    case repeated(PatternSyntax, minimum: Int, maximum: Int, mode: Mode)
    case lookAhead(PatternSyntax, isNegative: Bool)
    case lookBehind(PatternSyntax, isNegative: Bool)
    case atomic(PatternSyntax)
    case anchor(Anchor)

    static let empty = PatternSyntax.sequence([])

    /// Whether it can match without taking a scalar.
    var isNullable: Bool {
        switch self {
        case .set: false
        case .sequence(let parts): parts.allSatisfy(\.isNullable)
        case .alternatives(let parts): parts.contains(where: \.isNullable)
        case .repeated(let inner, let minimum, _, _): minimum == 0 || inner.isNullable
        case .atomic(let inner): inner.isNullable
        case .lookAhead, .lookBehind, .anchor: true
        }
    }

    /// The scalars that a match which is not empty can begin with.
    var firstSet: ScalarSet {
        switch self {
        case .set(let set): set
        case .sequence(let parts): Self.firstSet(of: parts[...])
        case .alternatives(let parts): parts.reduce(ScalarSet()) { $0.union($1.firstSet) }
        case .repeated(let inner, _, _, _), .atomic(let inner): inner.firstSet
        case .lookAhead, .lookBehind, .anchor: ScalarSet()
        }
    }

    private static func firstSet(of parts: ArraySlice<PatternSyntax>) -> ScalarSet {
        var result = ScalarSet()
        for part in parts {
            result = result.union(part.firstSet)
            if !part.isNullable { break }
        }
        return result
    }

    /// How many scalars every match takes, if they all take the same number.
    var fixedLength: Int? {
        switch self {
        case .set: return 1
        case .anchor, .lookAhead, .lookBehind: return 0
        case .atomic(let inner): return inner.fixedLength
        case .sequence(let parts):
            var length = 0
            for part in parts {
                guard let more = part.fixedLength else { return nil }
                length += more
            }
            return length
        case .alternatives(let parts):
            guard let length = parts.first?.fixedLength else { return nil }
            return parts.allSatisfy { $0.fixedLength == length } ? length : nil
        case .repeated(let inner, let minimum, let maximum, _):
            guard minimum == maximum, let length = inner.fixedLength else { return nil }
            let (product, overflows) = length.multipliedReportingOverflow(by: minimum)
            return overflows ? nil : product
        }
    }
}
