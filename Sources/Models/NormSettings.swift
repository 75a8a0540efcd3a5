/// How hidden states are normalised.
struct NormSettings: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// By the root of the mean square; stored weights are added to `weightOffset` (1 for Gemma,
        /// whose weights are differences from one).
        case rootMeanSquare(weightOffset: Float)
        /// By mean and deviation, with a weight and a bias.
        case layer
    }
    var kind: Kind
    var epsilon: Double

    /// The key that most families have, with its default.
    static func rootMeanSquare(_ reader: ConfigurationReader, weightOffset: Float = 0) throws(ModelError) -> NormSettings {
        NormSettings(kind: .rootMeanSquare(weightOffset: weightOffset), epsilon: try reader.epsilon("rms_norm_eps", default: 1e-6))
    }

    static func layer(_ reader: ConfigurationReader, _ key: String) throws(ModelError) -> NormSettings {
        NormSettings(kind: .layer, epsilon: try reader.epsilon(key, default: 1e-5))
    }
}
