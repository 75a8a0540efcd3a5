import JSON

/// How long examples are: each length in tokens, and how many examples have it.
package struct LengthStatistics: Sendable, Hashable {
    private var counts: [Int: Int] = [:]
    package private(set) var exampleCount = 0
    package private(set) var tokenCount = 0

    package init() {}

    package mutating func add(_ length: Int) {
        counts[length, default: 0] += 1
        exampleCount += 1
        tokenCount += length
    }

    package var longest: Int { counts.keys.max() ?? 0 }
    package var shortest: Int { counts.keys.min() ?? 0 }
    package var mean: Double { exampleCount == 0 ? 0 : Double(tokenCount) / Double(exampleCount) }

    /// The least length that this share of the examples does not exceed.
    package func quantile(_ share: Double) -> Int {
        let wanted = max(1, Int((share * Double(exampleCount)).rounded(.up)))
        var seen = 0
        for (length, count) in counts.sorted(by: { $0.key < $1.key }) {
            seen += count
            if seen >= wanted { return length }
        }
        return longest
    }

    /// Tokens of the longest so many examples together: the largest batch that can come.
    package func tokens(ofLongest exampleCount: Int) -> Int {
        var rest = exampleCount
        var sum = 0
        for (length, count) in counts.sorted(by: { $0.key > $1.key }) {
            let taken = min(rest, count)
            sum += taken * length
            rest -= taken
            if rest == 0 { break }
        }
        return sum
    }

    /// Whether a few examples are so much longer than the rest that they decide what a step needs.
    package var isImbalanced: Bool { exampleCount >= 10 && longest > 8 * max(1, quantile(0.5)) }

    var json: JSONNode {
        [
            "shortest": JSONNode(shortest), "mean": JSONNode((mean * 10).rounded() / 10), "median": JSONNode(quantile(0.5)),
            "percentile_95": JSONNode(quantile(0.95)), "percentile_99": JSONNode(quantile(0.99)), "longest": JSONNode(longest),
            "imbalanced": JSONNode(isImbalanced),
        ]
    }
}
