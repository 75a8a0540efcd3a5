/// By how much one model is better than another on the same examples, and between which bounds that
/// lies in 95 of 100 draws of such examples (Efron 1979): a paired bootstrap.
package struct Bootstrap: Sendable, Hashable {
    package var difference: Double
    package var lower: Double
    package var upper: Double

    static let drawCount = 1000

    /// - Parameters:
    ///   - pairs: for each example what both models got, and what it counts.
    ///   - seed: of the draws.
    package init(_ pairs: [(first: Double, second: Double, weight: Double)], seed: UInt64) {
        func difference(_ indices: some Sequence<Int>) -> Double {
            var (sum, weight) = (0.0, 0.0)
            for index in indices {
                sum += pairs[index].first - pairs[index].second
                weight += pairs[index].weight
            }
            return weight == 0 ? 0 : sum / weight
        }
        self.difference = difference(pairs.indices)
        var state = seed
        // splitmix64: the draws follow from the seed alone.
        func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        let count = pairs.count
        let draws = (0..<Self.drawCount).map { _ in
            difference((0..<count).map { _ in Int(next().multipliedFullWidth(by: UInt64(count)).high) })
        }.sorted()
        lower = draws[Self.drawCount / 40]
        upper = draws[Self.drawCount - 1 - Self.drawCount / 40]
    }
}
