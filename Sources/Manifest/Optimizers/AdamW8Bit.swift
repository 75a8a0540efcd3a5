extension Manifest {
    /// AdamW with moments in eight bits.
    package struct AdamW8Bit: OptimizerSpecification {
        package static let word = "adamw8bit"
        package static let sentence = "AdamW with moments in eight bits, a quarter of their memory"
        package static let rateFactor = 1.0

        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.01
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<AdamW8Bit>] =
            [
                Key("beta1", \.beta1, .number(0...0.999_999), "Decay of the mean of gradients", aliases: ["adam_beta1"]),
                Key("beta2", \.beta2, .number(0...0.999_999_9), "Decay of the mean of their squares", aliases: ["adam_beta2"]),
                Key("epsilon", \.epsilon, .number(1e-20...1), "Added to the root in the denominator", aliases: ["adam_epsilon", "eps"]),
            ] + commonKeys
    }
}
