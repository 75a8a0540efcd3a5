extension Manifest {
    /// An optimizer as a manifest describes it: its word and the keys that only it has. The
    /// arithmetic is Training's.
    package protocol OptimizerSpecification: KeyedSection {
        static var word: String { get }
        static var sentence: String { get }
        /// The rate that `auto` takes, over what AdamW would take.
        static var rateFactor: Double { get }
        /// Times the rate: how much of a weight goes away in a step (Loshchilov & Hutter 2017,
        /// arXiv:1711.05101).
        var weightDecay: Double { get set }
        var weightDecayOn: WeightDecayOn { get set }
        /// The length to which a longer gradient is cut; 0 cuts nothing.
        var maximumGradientNorm: Double { get set }
        /// The rate of an adapter's B over that of its A; nil: 1.
        var adapterRateRatio: Double? { get set }
    }

    /// Which parameters decay.
    package enum WeightDecayOn: String, Sendable, Hashable, CaseIterable { case matrices, all }
}

extension Manifest.OptimizerSpecification {
    /// The keys that every optimizer has.
    package static var commonKeys: [Key<Self>] {
        [
            Key("weight_decay", \.weightDecay, .number(0...100), "Decoupled weight decay", aliases: ["wd"]),
            Key("weight_decay_on", \.weightDecayOn, .word, "Which parameters decay: matrices only, or biases and norms too"),
            Key(
                "max_grad_norm", \.maximumGradientNorm, .number(0...1e9), "Length to which a longer gradient is cut; 0 cuts nothing",
                aliases: ["gradient_clip_val", "grad_clip"]),
            Key(
                "lora_plus_ratio", \.adapterRateRatio, .number(0.001...1000),
                "Rate of an adapter's B over that of its A (LoRA+); 1 without it", aliases: ["loraplus_lr_ratio"]),
        ]
    }

    /// How this optimizer stands among the kinds of the key `optimizer`.
    static var kind: SectionKind<Manifest.Optimizer> {
        SectionKind(word, Self.self, sentence, wrap: { Manifest.Optimizer($0) }, unwrap: { $0.specification as? Self })
    }
}
