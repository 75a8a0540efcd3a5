extension Manifest {
    /// Adafactor (Shazeer & Stern 2018, arXiv:1804.04235), as transformers computes it.
    package struct Adafactor: OptimizerSpecification {
        package static let word = "adafactor"
        package static let sentence = "of squared gradients the means of rows and columns are kept; auto is 25 times AdamW's rate"
        package static let rateFactor = 25.0

        package var epsilon1 = 1e-30
        package var epsilon2 = 1e-3
        package var clipThreshold = 1.0
        package var decayRate = -0.8
        package var beta1 = 0.0
        package var scalesByParameter = true
        package var isRelative = false
        package var warmsUp = false
        package var weightDecay = 0.0
        package var weightDecayOn = WeightDecayOn.matrices
        package var maximumGradientNorm = 1.0
        package var adapterRateRatio: Double?

        package init() {}

        package static let keys: [Key<Adafactor>] =
            [
                Key("epsilon1", \.epsilon1, .number(1e-38...1), "Added to squared gradients"),
                Key("epsilon2", \.epsilon2, .number(0...1), "Least size of a tensor's numbers that steps are relative to"),
                Key("clip_threshold", \.clipThreshold, .number(1e-6...1e9), "Size to which a larger step is cut"),
                Key("decay_rate", \.decayRate, .number(-10...0), "The means' decay at step t is 1 - t to this power"),
                Key("beta1", \.beta1, .number(0...0.999_999), "Decay of the mean of steps; 0 keeps none", aliases: ["adam_beta1"]),
                Key("scale_parameter", \.scalesByParameter, .flag, "Whether steps are relative to the size of the tensor's numbers"),
                Key("relative_step", \.isRelative, .flag, "Whether the rate follows from the step's number alone, whatever the schedule"),
                Key("warmup_init", \.warmsUp, .flag, "Whether such a rate begins small"),
            ] + commonKeys
    }
}
