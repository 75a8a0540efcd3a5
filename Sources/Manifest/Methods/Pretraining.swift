extension Manifest {
    /// Next-token prediction on plain text.
    package struct Pretraining: MethodSpecification {
        package static let word = "pretrain"
        package static let sentence = "plain text; from random weights if the model folder has none"
        package static let adapter = Adapter.Kind.full
        package static let trainOn = TrainOn.all
        package static let readsPlainText = true
        package static let mayBeginAtRandom = true

        package var labelSmoothing = 0.0
        package var zLoss = 0.0

        package init() {}

        package static let keys: [Key<Pretraining>] = [
            Key(
                "label_smoothing", \.labelSmoothing, .number(0...0.99), "Share of each target that is divided among all tokens",
                aliases: ["label_smoothing_factor"]),
            Key("z_loss", \.zLoss, .number(0...100), "Weight of the square of the logarithm of the sum of exponentials"),
        ]

        package func omits(_ key: String) -> Bool { key == "label_smoothing" ? labelSmoothing == 0 : key == "z_loss" && zLoss == 0 }

        package static func baseRate(_ adapter: Adapter.Kind) -> Double { 1e-3 }
    }
}

extension Manifest.Method {
    package static let pretrain = Manifest.Method(Manifest.Pretraining())
}
