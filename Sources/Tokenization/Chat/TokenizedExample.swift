/// Token ids with a mark on those that training predicts.
public struct TokenizedExample: Sendable, Hashable {
    public var ids: [Int32]
    /// For each token whether the loss counts it.
    public var isTrained: [Bool]

    public init(ids: [Int32], isTrained: [Bool]) {
        self.ids = ids
        self.isTrained = isTrained
    }

    /// Tokens that the loss counts; the first token of an example is never predicted.
    public var trainedTokenCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }
}

/// Which tokens of an example are trained.
public enum TrainedPart: String, Sendable, Hashable, CaseIterable {
    /// What the assistant says, with its end-of-turn token, in every turn.
    case assistant
    /// What the assistant says last.
    case completion
    case all
}
