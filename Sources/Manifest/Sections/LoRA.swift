import JSON

extension Manifest {
    /// Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685).
    package struct LoRA: KeyedSection {
        package enum Targets: Sendable, Hashable {
            /// Every linear layer of the blocks, not the head.
            case allLinear
            /// Short names (`q_proj`) or full paths.
            case names([String])
        }
        package var rank = 16
        package var alpha = 32.0
        package var dropout = 0.0
        package var targets = Targets.allLinear
        /// Scaling by `alpha / sqrt(rank)` instead of `alpha / rank` (Kalajdzievski 2023,
        /// arXiv:2312.03732).
        package var usesRankStabilisedScaling = false
        /// A PEFT folder whose matrices are the initial ones.
        package var initFrom: String?
        /// What a manifest may leave to the adapter that training starts from; the raw values are
        /// the keys.
        package enum Inheritable: String, Sendable, Hashable, CaseIterable {
            case rank, alpha
            case targets = "target_modules"
            case scaling = "use_rslora"
        }
        /// What it does leave: with ``initFrom`` these are the initial adapter's, whatever stands
        /// above.
        package var inherited: Set<Inheritable> = []

        package init() {}

        package static let keys: [Key<LoRA>] = [
            Key("rank", \.rank, .integer(1...4096), "Rows of the small matrices", aliases: ["lora_r", "r", "lora_rank"]),
            Key(
                "alpha", \.alpha, .number(0...1_000_000), following: "2 × rank", { Double(2 * $0.rank) },
                "The adapter's output is scaled by alpha / rank",
                aliases: ["lora_alpha", "scale"]),
            Key("dropout", \.dropout, .number(0...0.95), "Share of the adapter's inputs that is dropped", aliases: ["lora_dropout"]),
            Key(
                "target_modules", \.targets, .targets, "Linear layers that get an adapter, by name or full path",
                aliases: ["lora_target_modules"]),
            Key("use_rslora", \.usesRankStabilisedScaling, .flag, "Scaling by alpha / sqrt(rank)"),
            Key("init_from", \.initFrom, .text(limit: 1024), "PEFT folder with the initial matrices; without it A is random and B zero"),
        ]

        package mutating func settle(_ section: ManifestSection) {
            let given = section.given
            if initFrom != nil { inherited = Set(Inheritable.allCases.filter { !given.contains($0.rawValue) }) }
        }

        package func omits(_ key: String) -> Bool { inherited.contains { $0.rawValue == key } }
    }
}

extension ValueForm where Value == Manifest.LoRA.Targets {
    /// `all-linear`, one name, or a list of names.
    static var targets: ValueForm {
        let names = ValueForm<[String]>.texts(limit: 256)
        return ValueForm(
            schema: [
                "anyOf": [
                    ["type": "string", "minLength": 1, "maxLength": 256],
                    JSONNode((names.schema.object ?? []) + [JSONMember("minItems", 1)]),
                ]
            ], words: "`all-linear`, or a list of names",
            read: { node throws(ValueRefusal) in
                if let name = node.string {
                    guard (1...256).contains(name.unicodeScalars.count) else {
                        throw ValueRefusal("is not a string of 1 to 256 characters")
                    }
                    return name == "all-linear" ? .allLinear : .names([name])
                }
                let list = try names.read(node)
                guard !list.isEmpty else { throw ValueRefusal("is empty: name linear layers, or write all-linear") }
                return .names(list)
            },
            write: { targets in
                switch targets {
                case .allLinear: "all-linear"
                case .names(let names): JSONNode(names.map { JSONNode($0) })
                }
            })
    }
}
