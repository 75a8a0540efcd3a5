import Glibc

/// The formula of a grader that puts others together: numbers, names of graders, `+ - * /`,
/// parentheses, and `min`, `max`, `abs`, `floor`, `ceil`, `exp`, `sqrt`, `log`.
package struct GraderFormula: Sendable, Hashable {
    private indirect enum Term: Sendable, Hashable {
        case number(Double)
        case name(String)
        case operation(Character, Term, Term)
        case function(String, [Term])
    }
    package let source: String
    private let term: Term
    /// The graders that it names.
    package private(set) var names: Set<String> = []

    private static let functions: [String: ClosedRange<Int>] = [
        "min": 1...16, "max": 1...16, "abs": 1...1, "floor": 1...1, "ceil": 1...1, "exp": 1...1,
        "sqrt": 1...1, "log": 1...1,
    ]

    package init(_ source: String) throws(GraderRefusal) {
        self.source = source
        guard source.utf8.count <= 1024 else { throw GraderRefusal("has more than 1024 characters") }
        var reader = Reader(rest: Array(source))
        term = try reader.sum(0)
        reader.skip()
        if let stray = reader.rest.first {
            throw GraderRefusal("has a \"\(stray)\" where its end was expected")
        }
        names = reader.names
    }

    package func value(_ scores: [String: Double]) -> Double { Self.value(term, scores) }

    private static func value(_ term: Term, _ scores: [String: Double]) -> Double {
        switch term {
        case .number(let number): return number
        case .name(let name): return scores[name] ?? 0
        case .operation(let sign, let left, let right):
            let (one, other) = (value(left, scores), value(right, scores))
            switch sign {
            case "+": return one + other
            case "-": return one - other
            case "*": return one * other
            default: return other == 0 ? 0 : one / other
            }
        case .function(let name, let terms):
            let numbers = terms.map { value($0, scores) }
            let first = numbers.first ?? 0
            switch name {
            case "min": return numbers.min() ?? 0
            case "max": return numbers.max() ?? 0
            case "abs": return abs(first)
            case "floor": return first.rounded(.down)
            case "ceil": return first.rounded(.up)
            case "exp": return exp(first)
            case "sqrt": return first < 0 ? 0 : first.squareRoot()
            default: return first <= 0 ? 0 : log(first)
            }
        }
    }

    private struct Reader {
        var rest: [Character]
        var names: Set<String> = []

        mutating func skip() { rest = Array(rest.drop(while: \.isWhitespace)) }

        mutating func take(_ signs: String) -> Character? {
            skip()
            guard let first = rest.first, signs.contains(first) else { return nil }
            rest.removeFirst()
            return first
        }

        mutating func sum(_ depth: Int) throws(GraderRefusal) -> Term {
            guard depth < 32 else { throw GraderRefusal("is nested too deeply") }
            var term = try product(depth)
            while let sign = take("+-") { term = .operation(sign, term, try product(depth)) }
            return term
        }

        private mutating func product(_ depth: Int) throws(GraderRefusal) -> Term {
            var term = try factor(depth)
            while let sign = take("*/") { term = .operation(sign, term, try factor(depth)) }
            return term
        }

        private mutating func factor(_ depth: Int) throws(GraderRefusal) -> Term {
            guard depth < 32 else { throw GraderRefusal("is nested too deeply") }
            if take("-") != nil { return .operation("-", .number(0), try factor(depth + 1)) }
            if take("(") != nil {
                let inner = try sum(depth + 1)
                guard take(")") != nil else { throw GraderRefusal("lacks a \")\"") }
                return inner
            }
            skip()
            let word = String(
                rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") })
            guard let first = word.first else {
                throw GraderRefusal(
                    rest.first.map { "has a \"\($0)\" where a number or a name was expected" }
                        ?? "ends too early")
            }
            rest.removeFirst(word.count)
            if first.isNumber || first == "." {
                guard let number = Double(word) else {
                    throw GraderRefusal("holds \"\(word.prefix(32))\", which is no number")
                }
                return .number(number)
            }
            guard take("(") != nil else {
                names.insert(word)
                return .name(word)
            }
            guard let counts = GraderFormula.functions[word] else {
                throw GraderRefusal(
                    "calls \(word.prefix(32)); there are \(GraderFormula.functions.keys.sorted().joined(separator: ", "))"
                )
            }
            var terms = [try sum(depth + 1)]
            while take(",") != nil { terms.append(try sum(depth + 1)) }
            guard take(")") != nil else { throw GraderRefusal("lacks a \")\"") }
            guard counts.contains(terms.count) else {
                throw GraderRefusal("calls \(word) with \(terms.count) numbers")
            }
            return .function(word, terms)
        }
    }
}
