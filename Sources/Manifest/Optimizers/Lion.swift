extension Manifest {
    /// Lion (Chen et al. 2023, arXiv:2302.06675).
    ///
    /// Its authors take three to ten times smaller rates than AdamW's best ones. The rates of
    /// `auto` are below those, and a short run goes nowhere with a fifth of them: of eight runs of
    /// 3 and 12 epochs a fifth was worst in seven (docs/optimizers.md).
    package struct Lion: OptimizerSpecification {
        package static let word = "lion"
        package static let sentence = "every number moves by the learning rate; auto is half of AdamW's rate"
        package static let rateFactor = 0.5

        package var beta1 = 0.9
        package var beta2 = 0.99
        package var weightDecay = 0.01
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<Lion>] =
            [
                Key("beta1", \.beta1, .number(0...0.999_999), "Weight of the momentum in a step's direction"),
                Key("beta2", \.beta2, .number(0...0.999_999_9), "Decay of the momentum"),
            ] + commonKeys
    }
}
