public import Graph

/// The names of what the host writes for a model's forward pass.
public enum ModelInput {
    /// `[tokens, 1]` int32.
    public static let tokens = "tokens"
    /// `[tokens, 1]` int32: rows of the rotary table.
    public static let rotaryRows = "rotaryRows"
    /// `[tokens, 2]` int32: the rows that a token sees, first and one past the last.
    public static let keyRanges = "keyRanges"
    /// `[tokens, 2]` int32: the rows that see a token.
    public static let queryRanges = "queryRanges"
    /// The same for layers with a sliding window.
    public static let windowKeyRanges = "keyRanges.window"
    public static let windowQueryRanges = "queryRanges.window"
    /// `[1, 4]` int32: seed (low, high), step, micro-batch.
    public static let randomState = "randomState"
    /// `[tokens, 1]` int32: where new keys and values go in the cache.
    public static let cacheRows = "cacheRows"
}

/// How positions become rows of the rotary table: one set of factors, or two chosen by the example's length (longrope).
public struct RotaryRows: Sendable, Hashable {
    /// Rows of one set in the table.
    public var positionCount: Int
    /// An example longer than this uses the second set; nil where there is one set.
    public var originalPositionCount: Int?

    public init(positionCount: Int, originalPositionCount: Int? = nil) {
        self.positionCount = positionCount
        self.originalPositionCount = originalPositionCount
    }

    /// The row of an example's first position.
    public func firstRow(exampleLength: Int) -> Int {
        guard let original = originalPositionCount, exampleLength > original else { return 0 }
        return positionCount
    }
}

/// The end of a forward pass: what the head needs.
public struct ForwardPass: Sendable {
    /// `[tokens, features]` in the activations' element type.
    public var hidden: ValueID
    /// `[vocabulary, features]`.
    public var headWeight: ValueID
    /// The key of the head's weight where it is trained.
    public var trainedHeadKey: String?
    /// Final logits become `softCap * tanh(logits / softCap)` where this is not 0.
    public var softCap: Float
}
