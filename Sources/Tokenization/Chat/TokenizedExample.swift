/// Token ids with a mark on those that training predicts.
package struct TokenizedExample: Sendable, Hashable {
    package var ids: [Int32]
    /// For each token whether the loss counts it.
    package var isTrained: [Bool]

    package init(ids: [Int32], isTrained: [Bool]) {
        self.ids = ids
        self.isTrained = isTrained
    }

    /// Tokens that the loss counts; the first token of an example is never predicted.
    package var trainedTokenCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }
}

/// Which tokens of an example are trained.
package enum TrainedPart: String, Sendable, Hashable, CaseIterable {
    /// What the assistant says, with its end-of-turn token, in every turn.
    case assistant
    /// What the assistant says last.
    case completion
    case all
}
