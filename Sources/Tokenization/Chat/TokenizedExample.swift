/// Token ids with a mark on those that training predicts.
package struct TokenizedExample: Sendable, Hashable {
    package var ids: [Int32]
    /// For each token whether the loss counts it.
    package var isTrained: [Bool]
    /// For each token what its loss counts beside those of others; nil where all count alike.
    package var weights: [Float]?

    package init(ids: [Int32], isTrained: [Bool], weights: [Float]? = nil) {
        self.ids = ids
        self.isTrained = isTrained
        self.weights = weights
    }

    /// Tokens that the loss counts; the first token of an example is never predicted.
    package var trainedTokenCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }

    /// The sum of what the trained tokens count.
    package var trainedWeight: Double {
        guard let weights else { return Double(trainedTokenCount) }
        return zip(isTrained, weights).dropFirst().reduce(0) { $0 + ($1.0 ? Double($1.1) : 0) }
    }

    /// The example without the tokens behind the first so many.
    package func prefix(_ count: Int) -> TokenizedExample {
        ids.count <= count
            ? self
            : TokenizedExample(
                ids: Array(ids.prefix(count)), isTrained: Array(isTrained.prefix(count)), weights: weights.map { Array($0.prefix(count)) })
    }
}

/// Which tokens of an example are trained.
package enum TrainedPart: String, Sendable, Hashable, CaseIterable {
    /// What the assistant says, with its end-of-turn token, in every turn.
    case assistant
    /// What the assistant says last.
    case completion
    case all
}
