package import Graph
package import Tensors

/// The names of what the host writes for a model's forward pass.
package enum ModelInput {
    /// `[tokens, 1]` int32.
    package static let tokens = "tokens"
    /// `[tokens, 1]` int32: rows of the rotary table.
    package static let rotaryRows = "rotaryRows"
    /// `[tokens, 2]` int32: the rows that a token sees, first and one past the last.
    package static let keyRanges = "keyRanges"
    /// `[tokens, 2]` int32: the rows that see a token.
    package static let queryRanges = "queryRanges"
    /// The same for layers with a sliding window.
    package static let windowKeyRanges = "keyRanges.window"
    package static let windowQueryRanges = "queryRanges.window"
    /// `[1, 4]` int32: seed (low, high), step, micro-batch.
    package static let randomState = "randomState"
    /// `[tokens, 1]` int32: where new keys and values go in the cache.
    package static let cacheRows = "cacheRows"
    /// `[tokens, 1]` int32: the sequence of a token in generation, its row of ``pages``. Key ranges
    /// are positions of the sequence there.
    package static let sequences = "sequences"
    /// `[sequences, pages]` int32: the pages of the cache that each sequence has.
    package static let pages = "pages"
    /// `[tokens, 1]` int32: the adapter of a token, or -1.
    package static let adapterRoutes = "adapterRoutes"
}

/// How positions become rows of the rotary table: one set of factors, or two chosen by the
/// example's length (longrope).
package struct RotaryRows: Sendable, Hashable {
    /// Rows of one set in the table.
    package var positionCount: Int
    /// An example longer than this uses the second set; nil where there is one set.
    package var originalPositionCount: Int?

    package init(positionCount: Int, originalPositionCount: Int? = nil) {
        self.positionCount = positionCount
        self.originalPositionCount = originalPositionCount
    }

    /// The row of an example's first position.
    package func firstRow(exampleLength: Int) -> Int {
        guard let original = originalPositionCount, exampleLength > original else { return 0 }
        return positionCount
    }
}

/// The end of a forward pass: what the head needs.
package struct ForwardPass: Sendable {
    /// `[tokens, features]` in the activations' element type.
    package var hidden: ValueID
    /// `[vocabulary, features]`.
    package var headWeight: ValueID
    /// The key of the head's weight where it is trained.
    package var trainedHeadKey: String?
    /// `[1, vocabulary]`, where the head has a bias.
    package var headBias: ValueID?
    /// The key of the head's bias where it is trained.
    package var trainedHeadBiasKey: String?
    /// Final logits become `softCap * tanh(logits / softCap)` where this is not 0.
    package var softCap: Float
    /// Whether sums are exact by rows, as in generation.
    package var isRowExact = false
    /// `[2, experts]` float32: how tokens have spread over experts (``RouterBalance``), where
    /// training counts it.
    package var routerBalance: ValueID?
    /// Where sums of squares are, where they are wanted.
    package var squareSums: [SquareSum] = []
    /// The head in few bits that gives the logits, and its product: a copy of the weight, or the
    /// weight itself.
    package var quantizedHead: (words: ValueID, product: QuantizedProduct)?

    /// Adds the gradient of rows of hidden states from that of their logits, in an element type.
    package func addHiddenGradient(
        of logitGradient: ValueID, _ type: ElementType, to graph: inout Graph
    ) throws(GraphError) -> ValueID {
        guard let quantizedHead else {
            return try graph.add(MatrixProduct(outputType: type), [logitGradient, headWeight], names: ["d hidden"])[0]
        }
        var product = quantizedHead.product
        (product.transposesWeight, product.outputType, product.isRowExact) = (false, type, false)
        return try graph.add(product, [logitGradient, quantizedHead.words], names: ["d hidden"])[0]
    }

    /// Adds the logits of rows of hidden states, without a cap: `[rows, vocabulary]` float32.
    package func addLogits(of rows: ValueID, to graph: inout Graph) throws(GraphError) -> ValueID {
        let product =
            if let quantizedHead {
                try graph.add(quantizedHead.product, [rows, quantizedHead.words], names: ["logits"])[0]
            } else {
                try graph.add(MatrixProduct(transposesB: true, isRowExact: isRowExact), [rows, headWeight], names: ["logits"])[0]
            }
        return try headBias.map { bias throws(GraphError) in try graph.add(BiasAdd(), [product, bias], names: ["logits"])[0] } ?? product
    }
}
