extension Manifest {
    /// Gradient descent with momentum, as PyTorch computes it.
    package struct SGD: OptimizerSpecification {
        package static let word = "sgd"
        package static let sentence = "gradient descent with momentum; auto is 50 times AdamW's rate"
        /// AdamW moves a number by about a fifth of its rate a step, since gradients are noisy.
        /// All N trained numbers together move by `0.2 rate √N`. SGD moves them by `rate norm / (1
        /// - momentum)` at most, which is `10 rate` where the gradient's norm is clipped to 1. The
        /// two are equal at `0.02 √N` times AdamW's rate: 50 for the six million numbers of a
        /// usual adapter. More trained numbers would bear more, so `auto` errs towards slow there.
        /// Whoever sets another momentum sets the rate as well.
        package static let rateFactor = 50.0

        package var momentum = 0.9
        package var isNesterov = false
        package var weightDecay = 0.0
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<SGD>] =
            [
                Key("momentum", \.momentum, .number(0...0.999_999), "Decay of the velocity"),
                Key("nesterov", \.isNesterov, .flag, "Nesterov's form of the momentum"),
            ] + commonKeys
    }
}
