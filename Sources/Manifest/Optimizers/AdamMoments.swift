extension Manifest {
    /// An optimizer that has Adam's two moments, for all or for some of its parameters (Kingma & Ba
    /// 2014, arXiv:1412.6980).
    package protocol AdamMoments: OptimizerSpecification {
        var beta1: Double { get set }
        var beta2: Double { get set }
        var epsilon: Double { get set }
    }
}

extension Manifest.AdamMoments {
    /// The keys of the moments.
    static var momentKeys: [Key<Self>] {
        [
            Key("beta1", \.beta1, .number(0...0.999_999), "Decay of the mean of gradients", aliases: ["adam_beta1"]),
            Key("beta2", \.beta2, .number(0...0.999_999_9), "Decay of the mean of their squares", aliases: ["adam_beta2"]),
            Key("epsilon", \.epsilon, .number(1e-20...1), "Added to the root in the denominator", aliases: ["adam_epsilon", "eps"]),
        ]
    }
}
