extension Manifest {
    /// Classes of texts or conversations: a head on the last token, trained with an adapter or with
    /// all weights.
    package struct Classification: MethodSpecification {
        package static let word = "classification"
        package static let sentence = "texts or conversations with labels, which a head of its own tells apart"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.all
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false

        /// What a class counts in the loss.
        package enum Weights: Sendable, Hashable {
            case none
            /// `N / (C n)`, for a class that `n` of `N` examples have among `C` classes.
            case balanced
            /// By name; a class that is not named counts 1.
            case named([String: Double])
        }

        /// Empty: those of the training file.
        package var labels: [String] = []
        /// Whether an example may have any number of classes, none included.
        package var isMultiLabel = false
        package var classWeights = Weights.none

        package init() {}

        package static let keys: [Key<Classification>] = []

        package static let settings: [Key<Classification>] = [
            Key(
                "labels", \.labels, .labels,
                "The classes in the order of their numbers; without it, those of the training file in the order of their names"),
            Key("multi_label", \.isMultiLabel, .flag, "Whether an example may have any number of classes, none included"),
            Key("class_weights", \.classWeights, .classWeights, "What an example of each class counts in the loss"),
        ]

        package mutating func settle(beside section: ManifestSection) throws(ManifestError) {
            guard case .named(let weights) = classWeights, !labels.isEmpty else { return }
            guard let stray = weights.keys.sorted().first(where: { !labels.contains($0) }) else { return }
            throw section.failure("class_weights", "names \"\(stray)\", which is not among labels")
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
    package static let classification = Manifest.Method(Manifest.Classification())
}
