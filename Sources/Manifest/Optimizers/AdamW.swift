extension Manifest {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101).
    package struct AdamW: AdamMoments {
        package static let word = "adamw"
        package static let sentence = "Adam with decoupled weight decay"
        package static let rateFactor = 1.0

        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.01
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<AdamW>] = momentKeys + commonKeys
    }
}
