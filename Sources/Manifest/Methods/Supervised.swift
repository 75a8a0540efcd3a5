extension Manifest {
    /// Supervised fine-tuning on conversations or pairs of prompt and completion.
    package struct Supervised: MethodSpecification {
        package static let word = "supervised"
        package static let sentence = "conversations, or prompts with completions"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.assistant
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false

        package init() {}

        package static let keys: [Key<Supervised>] = []

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
