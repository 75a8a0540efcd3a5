extension Manifest {
    /// Gradient descent with momentum, as PyTorch computes it.
    package struct SGD: OptimizerSpecification {
        package static let word = "sgd"
        package static let sentence = "gradient descent with momentum; auto is 50 times AdamW's rate"
        package static let rateFactor = 50.0

        package var momentum = 0.9
        package var isNesterov = false
        package var weightDecay = 0.0
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0

        package init() {}

        package static let keys: [Key<SGD>] =
            [
                Key("momentum", \.momentum, .number(0...0.999_999), "Decay of the velocity"),
                Key("nesterov", \.isNesterov, .flag, "Nesterov's form of the momentum"),
            ] + commonKeys
    }
}
