extension Manifest {
    /// Next-token prediction on plain text.
    package struct Pretraining: MethodSpecification {
        package static let word = "pretrain"
        package static let sentence = "plain text; from random weights if the model folder has none"
        package static let adapter = Adapter.Kind.full
        package static let trainOn = TrainOn.all
        package static let readsPlainText = true
        package static let mayBeginAtRandom = true

        package init() {}

        package static let keys: [Key<Pretraining>] = []

        package static func baseRate(_ adapter: Adapter.Kind) -> Double { 1e-3 }
    }
}

extension Manifest.Method {
    package static let pretrain = Manifest.Method(Manifest.Pretraining())
}
