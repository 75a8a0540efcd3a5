/// What was measured: named sums, each with what it is a sum over. They add up over micro-batches,
/// in any division of a batch.
package struct Measures: Sendable, Hashable {
    package struct Sum: Sendable, Hashable {
        package var total = 0.0
        /// What the total is to be divided by: trained tokens, samples.
        package var weight = 0.0

        package var mean: Double { weight == 0 ? 0 : total / weight }
    }
    private var sums: [String: Sum] = [:]

    /// What a model said of a sample, beside the classes that the sample has.
    package struct Scored: Sendable, Hashable {
        package var labels: [Int]
        /// A logit for each class.
        package var logits: [Float]

        package init(labels: [Int], logits: [Float]) { (self.labels, self.logits) = (labels, logits) }
    }
    /// Of a classifier every sample: what depends on the order of scores is no sum.
    package private(set) var scored: [Scored] = []

    package init() {}

    /// The names of what was measured, sorted.
    package var names: [String] { sums.keys.sorted() }

    /// The measure that every objective has: the loss, not divided.
    package static let loss = "loss"
    /// How many of those counted were right.
    package static let accuracy = "accuracy"

    /// A measure by its name; zero where nothing was measured.
    package subscript(name: String) -> Sum { sums[name] ?? Sum() }

    package mutating func add(_ name: String, total: Double, weight: Double) {
        sums[name, default: Sum()].total += total
        sums[name, default: Sum()].weight += weight
    }

    package mutating func add(_ sample: Scored) { scored.append(sample) }

    package static func += (left: inout Measures, right: Measures) {
        for (name, sum) in right.sums { left.add(name, total: sum.total, weight: sum.weight) }
        left.scored += right.scored
    }

    /// What a word of a measure begins with that is a part of the loss with a mean of its own.
    package static let lossPart = "loss/"

    /// The mean of the loss, and of its parts that are means over something else.
    package var meanLoss: Double {
        sums.keys.filter { $0.hasPrefix(Self.lossPart) }.sorted().reduce(self[Self.loss].mean) { $0 + self[$1].mean }
    }
    package var accuracy: Double { self[Self.accuracy].mean }
}
