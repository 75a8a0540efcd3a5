public import Graph
public import Tensors

/// A decoder language model's sizes and rules, from config.json.
public struct ModelConfiguration: Sendable, Hashable {
    public var modelType: String
    public var hiddenSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headWidth: Int
    public var intermediateSize: Int
    public var vocabularySize: Int
    /// Positions that the model was made for.
    public var maximumPositions: Int
    public var normEpsilon: Double
    public var activation: ActivationFunction
    /// The head uses the embedding's weight.
    public var tiesEmbeddings: Bool
    public var rotary: RotarySettings
    /// Tokens that a sliding layer sees; nil where no layer slides.
    public var slidingWindow: Int?
    /// For each layer whether it slides.
    public var isSliding: [Bool]
    public var hasAttentionBias: Bool
    public var hasFeedForwardBias: Bool
    /// Scores are divided by the square root of this.
    public var queryScale: Double
    /// Caps of attention scores and of final logits; 0: none.
    public var attentionSoftCap: Double
    public var finalSoftCap: Double
    /// The element type in which a model trained from nothing is stored.
    public var storedType: ElementType
    /// Standard deviation of fresh weights.
    public var initializerRange: Double

    /// Weights of one model in all, as an estimate for messages.
    public var approximateParameterCount: Int {
        let attention = hiddenSize * headWidth * (2 * headCount + 2 * keyValueHeadCount)
        return layerCount * (attention + 3 * hiddenSize * intermediateSize) + vocabularySize * hiddenSize * (tiesEmbeddings ? 1 : 2)
    }
}
