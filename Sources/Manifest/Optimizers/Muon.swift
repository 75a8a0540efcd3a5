extension Manifest {
    /// Muon (Jordan et al. 2024), with AdamW for all that is no matrix inside of the layers.
    package struct Muon: AdamMoments {
        package static let word = "muon"
        package static let sentence =
            "matrices of the layers move along their momentum made orthogonal, vectors, embeddings and heads by AdamW"
        package static let rateFactor = 1.0

        package var momentum = 0.95
        package var isNesterov = true
        package var matchesAdamW = true
        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.1
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<Muon>] =
            [
                Key("momentum", \.momentum, .number(0...0.999_999), "Decay of the velocity"),
                Key("nesterov", \.isNesterov, .flag, "Nesterov's form of the momentum"),
                Key("match_rms_adamw", \.matchesAdamW, .flag, "Steps as large as AdamW's; false: as first published"),
            ] + momentKeys + commonKeys
    }
}
