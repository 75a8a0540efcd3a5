/// A regular expression of the kind that tokenizers use to cut text, matched by backtracking under a budget of steps.
///
/// Understood: literals, `.`, classes with ranges, negation and `\s \S \d \D \w \W \p{..} \P{..}`, groups `(..) (?:..) (?i:..)`, alternation, greedy, lazy and possessive
/// quantifiers, look-ahead `(?=..) (?!..)`, look-behind of one character `(?<=.) (?<!.)`, anchors `^ $ \A \z \b`. Expressions come from files that are not trusted:
/// anything else is an error, and a match that needs too many steps fails.
struct Pattern: Sendable {
    indirect enum Node: Sendable {
        case set(ScalarSet)
        case sequence([Node])
        case alternatives([Node])
        case repeated(Node, minimum: Int, maximum: Int, mode: Mode)
        case lookAhead(Node, isNegative: Bool)
        case lookBehind(ScalarSet, isNegative: Bool)
        case start
        case end
        case wordBoundary
    }
    enum Mode: Sendable { case greedy, lazy, possessive }

    /// A set of scalars: ranges and category classes, possibly negated.
    struct ScalarSet: Sendable {
        var ranges: [ClosedRange<UInt32>] = []
        var classes: UInt8 = 0
        /// Members that are whole sets themselves, for `\S` and the like inside brackets.
        var parts: [ScalarSet] = []
        var isNegated = false
        var ignoresCase = false

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            var found = holds(scalar)
            if !found, ignoresCase {
                for other in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                    let variants = other.unicodeScalars
                    if variants.count == 1, let variant = variants.first, variant != scalar, holds(variant) { found = true }
                }
            }
            return found != isNegated
        }

        private func holds(_ scalar: Unicode.Scalar) -> Bool {
            if classes != 0, CharacterClass.classes(of: scalar) & classes != 0 { return true }
            for range in ranges where range.contains(scalar.value) { return true }
            for part in parts where part.contains(scalar) { return true }
            return false
        }
    }

    let root: Node

    init(_ expression: String) throws(PatternError) {
        var parser = PatternParser(expression)
        root = try parser.parse()
    }

    /// Steps that one search may take for each scalar of text, and in all.
    static let stepLimit = 2_000_000

    /// The non-overlapping matches in the text, leftmost first; empty matches are skipped.
    func matches(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        let matcher = Matcher(scalars)
        var position = 0
        while position < scalars.count {
            matcher.steps = 0
            if let end = matcher.match(root, at: position), end > position {
                result.append(position..<end)
                position = end
            } else {
                position += 1
            }
        }
        return result
    }

    private final class Matcher {
        let scalars: [Unicode.Scalar]
        var steps = 0

        init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

        func match(_ node: Node, at position: Int) -> Int? { run(node, position, depth: 0) { $0 } }

        /// Continuation-passing: `next` says whether the rest matches from a position, and where it ends.
        private func run(_ node: Node, _ position: Int, depth: Int, _ next: (Int) -> Int?) -> Int? {
            steps += 1
            if steps > Pattern.stepLimit || depth > 2_000 { return nil }
            switch node {
            case .set(let set):
                guard position < scalars.count, set.contains(scalars[position]) else { return nil }
                return next(position + 1)
            case .sequence(let nodes): return sequence(nodes[...], position, depth, next)
            case .alternatives(let nodes):
                for node in nodes { if let end = run(node, position, depth: depth + 1, next) { return end } }
                return nil
            case .repeated(let inner, let minimum, let maximum, let mode):
                if case .set(let set) = inner { return repeatedSet(set, minimum, maximum, mode, position, next) }
                return repeated(inner, minimum, maximum, mode, position, 0, depth, next)
            case .lookAhead(let inner, let isNegative):
                let found = run(inner, position, depth: depth + 1) { $0 } != nil
                return found != isNegative ? next(position) : nil
            case .lookBehind(let set, let isNegative):
                let found = position > 0 && set.contains(scalars[position - 1])
                return found != isNegative ? next(position) : nil
            case .start: return position == 0 ? next(position) : nil
            case .end: return position == scalars.count ? next(position) : nil
            case .wordBoundary: return isWord(position - 1) != isWord(position) ? next(position) : nil
            }
        }

        private func isWord(_ position: Int) -> Bool {
            guard position >= 0, position < scalars.count else { return false }
            return CharacterClass.classes(of: scalars[position]) & (CharacterClass.letter | CharacterClass.number | CharacterClass.mark) != 0
                || scalars[position] == "_"
        }

        private func sequence(_ nodes: ArraySlice<Node>, _ position: Int, _ depth: Int, _ next: (Int) -> Int?) -> Int? {
            guard let first = nodes.first else { return next(position) }
            let rest = nodes.dropFirst()
            if rest.isEmpty { return run(first, position, depth: depth + 1, next) }
            return run(first, position, depth: depth + 1) { sequence(rest, $0, depth + 1, next) }
        }

        private func repeatedSet(
            _ set: ScalarSet, _ minimum: Int, _ maximum: Int, _ mode: Mode, _ position: Int, _ next: (Int) -> Int?
        ) -> Int? {
            var end = position
            if mode == .lazy {
                while end - position < minimum {
                    guard end < scalars.count, set.contains(scalars[end]) else { return nil }
                    end += 1
                }
                while true {
                    steps += 1
                    if let result = next(end) { return result }
                    guard end - position < maximum, end < scalars.count, set.contains(scalars[end]), steps <= Pattern.stepLimit else { return nil }
                    end += 1
                }
            }
            while end < scalars.count, end - position < maximum, set.contains(scalars[end]) { end += 1 }
            guard end - position >= minimum else { return nil }
            if mode == .possessive { return next(end) }
            while true {
                steps += 1
                if let result = next(end) { return result }
                guard end - position > minimum, steps <= Pattern.stepLimit else { return nil }
                end -= 1
            }
        }

        private func repeated(
            _ inner: Node, _ minimum: Int, _ maximum: Int, _ mode: Mode, _ position: Int, _ done: Int, _ depth: Int, _ next: (Int) -> Int?
        ) -> Int? {
            if mode == .possessive {
                var end = position
                var count = 0
                while count < maximum, let after = run(inner, end, depth: depth + 1, { $0 }), after > end {
                    end = after
                    count += 1
                }
                return count >= minimum ? next(end) : nil
            }
            if mode == .lazy, done >= minimum, let result = next(position) { return result }
            if done < maximum {
                let result = run(inner, position, depth: depth + 1) { after in
                    after == position ? nil : repeated(inner, minimum, maximum, mode, after, done + 1, depth + 1, next)
                }
                if let result { return result }
            }
            return mode == .greedy && done >= minimum ? next(position) : nil
        }
    }
}

struct PatternError: Error, CustomStringConvertible {
    var message: String
    var description: String { message }
}
