extension Manifest {
    /// AdamW with moments in eight bits.
    package struct AdamW8Bit: AdamMoments {
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

        package static let keys: [Key<AdamW8Bit>] = momentKeys + commonKeys
    }
}
