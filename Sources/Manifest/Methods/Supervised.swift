extension Manifest {
    /// Supervised fine-tuning on conversations or pairs of prompt and completion.
    package struct Supervised: MethodSpecification {
        package static let word = "supervised"
        package static let sentence = "conversations, or prompts with completions"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.assistant
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false

        /// What each part of the data counts in the mean.
        package enum Weighting: String, Sendable, Hashable, CaseIterable { case tokens, examples }
        package var labelSmoothing = 0.0
        package var zLoss = 0.0
        package var weightPerExample = Weighting.tokens
        package var embeddingNoise = 0.0

        package init() {}

        package static let keys: [Key<Supervised>] = [
            Key(
                "label_smoothing", \.labelSmoothing, .number(0...0.99), "Share of each target that is divided among all tokens",
                aliases: ["label_smoothing_factor"]),
            Key("z_loss", \.zLoss, .number(0...100), "Weight of the square of the logarithm of the sum of exponentials"),
            Key(
                "neftune_noise_alpha", \.embeddingNoise, .number(0...1000),
                "Strength of noise on the embeddings in training (NEFTune); 0 is none"),
            Key("weight_per_example", \.weightPerExample, .word, "Whether every trained token counts alike, or every example"),
        ]

        /// Keys that came after 0.1.0 stand in the canonical manifest only where they say
        /// something.
        package func omits(_ key: String) -> Bool {
            switch key {
            case "label_smoothing": labelSmoothing == 0
            case "z_loss": zLoss == 0
            case "weight_per_example": weightPerExample == .tokens
            case "neftune_noise_alpha": embeddingNoise == 0
            default: false
            }
        }

        package static func baseRate(_ adapter: Adapter.Kind) -> Double {
            switch adapter {
            case .lora: 2e-4
            case .full: 2e-5
            }
        }
    }
}

extension Manifest.Method {
    package static let supervised = Manifest.Method(Manifest.Supervised())
}
