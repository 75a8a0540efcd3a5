/// What somebody wants to have as one vector: a text's last hidden states, pooled.
package struct EmbeddingRequest: Sendable {
    package enum Pooling: String, Sendable, CaseIterable {
        /// The mean of all tokens' states.
        case mean
        /// The state of the last token, which has seen all others.
        case last
    }
    /// The asker's own number for it, of the same numbers as those of texts.
    package var id: UInt64
    package var prompt: [Int32]
    package var pooling: Pooling
    /// The adapter's place in the engine; nil: the base model.
    package var adapter: Int?
    package var terms = RequestTerms()

    package init(id: UInt64, prompt: [Int32], pooling: Pooling = .mean, adapter: Int? = nil) {
        (self.id, self.prompt, self.pooling, self.adapter) = (id, prompt, pooling, adapter)
    }
}

/// A text of which states are being computed.
struct EmbeddingSequence {
    var request: EmbeddingRequest
    var slot = -1
    var pages: [Int32] = []
    /// Tokens whose states have been computed.
    var computed = 0
    /// The sum of the states, or the last one.
    var states: [Double] = []
    var firstRotaryRow: Int

    /// The vector, of length 1.
    var vector: [Float] {
        let norm = states.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return states.map { Float(norm > 0 ? $0 / norm : 0) }
    }
}
