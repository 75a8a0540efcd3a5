package import JSON

extension Manifest {
    /// Preference tuning: of two answers the preferred one becomes likelier, the other less likely
    /// (DPO, Rafailov et al. 2023, arXiv:2305.18290, and its relatives).
    package struct Preference: MethodSpecification {
        package static let word = "dpo"
        package static let sentence = "pairs of a preferred and another answer; with the loss kto single answers that are good or bad"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.completion
        package static let fixesTrainOn = true
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false

        /// The forms of the loss; docs/tasks/preference.md has their formulas.
        package enum Loss: String, Sendable, Hashable, CaseIterable {
            case sigmoid, ipo
            case ipoSum = "ipo_sum"
            case simpo, orpo
            case orpoFullLikelihood = "orpo_full_nll"
            case kto
        }
        package var loss = Loss.sigmoid
        package var beta: Choice<Double> = .auto
        package var labelSmoothing = 0.0
        package var sftWeight = 0.0
        package var gamma = 1.0
        package var desirableWeight = 1.0
        package var undesirableWeight = 1.0

        package init() {}

        package static let keys: [Key<Preference>] = [
            Key("loss", \.loss, .word, "The form of the loss", aliases: ["loss_type", "rl"]),
            Key(
                "beta", \.beta, .auto(or: .number(0.000_001...10_000)),
                "How far the model may go from where it began: small is far; auto is 0.1, with simpo 2", aliases: ["dpo_beta", "rl_beta"]),
            Key(
                "label_smoothing", \.labelSmoothing, .number(0...0.49), "Share of the pairs that may be the wrong way round, with sigmoid"),
            Key(
                "sft_weight", \.sftWeight, .number(0...1000), "Weight of the preferred answers' own loss beside that of the pairs",
                aliases: ["rpo_alpha", "sft_loss_weight"]),
            Key("gamma", \.gamma, .number(0...1000), "The margin that simpo asks for", aliases: ["simpo_gamma"]),
            Key("desirable_weight", \.desirableWeight, .number(0...1000), "Weight of good answers, with kto"),
            Key("undesirable_weight", \.undesirableWeight, .number(0...1000), "Weight of bad answers, with kto"),
        ]

        /// The losses with which a key has a meaning; nil: all.
        private static func losses(of key: String) -> [Loss]? {
            switch key {
            case "label_smoothing": [.sigmoid]
            case "sft_weight": [.sigmoid, .ipo, .ipoSum, .simpo]
            case "gamma": [.simpo]
            case "desirable_weight", "undesirable_weight": [.kto]
            default: nil
            }
        }

        package mutating func settle(_ section: ManifestSection) throws(ManifestError) {
            for key in section.given {
                guard let losses = Self.losses(of: key), !losses.contains(loss) else { continue }
                throw section.failure(
                    key,
                    "has no meaning with the loss \(loss.rawValue); it is for \(losses.map(\.rawValue).joined(separator: ", "))")
            }
        }

        package func omits(_ key: String) -> Bool { Self.losses(of: key).map { !$0.contains(loss) } ?? false }

        /// What ``settle(_:)`` says, as parts of a JSON Schema.
        package static var rules: [JSONNode] {
            keys.compactMap { key in
                let name = key.description.name
                guard let losses = losses(of: name) else { return nil }
                var words = losses.map { JSONNode($0.rawValue) }
                if losses.contains(.sigmoid) { words.append(nil) }
                let isOther: JSONNode =
                    losses.contains(.sigmoid)
                    ? ["required": ["loss"], "properties": ["loss": ["not": ["enum": JSONNode(words)]]]]
                    : ["not": ["required": ["loss"], "properties": ["loss": ["enum": JSONNode(words)]]]]
                return ["if": isOther, "then": ["properties": JSONNode([JSONMember(name, ["type": "null"])])]]
            }
        }

        /// The beta that counts.
        package var usedBeta: Double { beta.value ?? (loss == .simpo ? 2 : 0.1) }

        package static func baseRate(_ adapter: Adapter.Kind) -> Double {
            switch adapter {
            case .lora: 2e-5
            case .full: 1e-6
            }
        }
    }
}

extension Manifest.Method {
    package static let dpo = Manifest.Method(Manifest.Preference())
}
