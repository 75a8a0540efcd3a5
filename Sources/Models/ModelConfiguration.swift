package import Graph
package import Tensors

/// A decoder language model's sizes and rules, from config.json.
package struct ModelConfiguration: Sendable, Hashable {
    package var modelType: String
    package var hiddenSize: Int
    package var layerCount: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    package var headWidth: Int
    package var intermediateSize: Int
    package var vocabularySize: Int
    /// Positions that the model was made for.
    package var maximumPositions: Int
    package var normEpsilon: Double
    package var activation: ActivationFunction
    /// The head uses the embedding's weight.
    package var tiesEmbeddings: Bool
    package var rotary: RotarySettings
    /// Tokens that a sliding layer sees; nil where no layer slides.
    package var slidingWindow: Int?
    /// For each layer whether it slides.
    package var isSliding: [Bool]
    package var hasAttentionBias: Bool
    package var hasFeedForwardBias: Bool
    /// Scores are divided by the square root of this.
    package var queryScale: Double
    /// Caps of attention scores and of final logits; 0: none.
    package var attentionSoftCap: Double
    package var finalSoftCap: Double
    /// The element type in which a model trained from nothing is stored.
    package var storedType: ElementType
    /// Standard deviation of fresh weights.
    package var initializerRange: Double

    /// Weights of one model in all, as an estimate for messages.
    package var approximateParameterCount: Int {
        let attention = hiddenSize * headWidth * (2 * headCount + 2 * keyValueHeadCount)
        return layerCount * (attention + 3 * hiddenSize * intermediateSize) + vocabularySize * hiddenSize * (tiesEmbeddings ? 1 : 2)
    }
}
