import JSON

extension Manifest {
    /// Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685).
    package struct LoRA: KeyedSection {
        package enum Targets: Sendable, Hashable {
            /// Every linear layer of the blocks, not the head.
            case allLinear
            /// Short names (`q_proj`) or full paths.
            case names([String])
            /// A regular expression that the whole name matches.
            case pattern(String)

            /// Characters that no name has, by which an expression shows itself; as a class of
            /// regular expressions.
            static let marks = "[*+?()\\[\\]{}|^$\\\\]"

            static func isPattern(_ text: String) -> Bool { text.contains { "*+?()[]{}|^$\\".contains($0) } }
        }
        /// What the matrices begin with.
        package enum Initialisation: Sendable, Hashable {
            /// A as a linear layer begins, B zero.
            case standard
            /// A normal with the deviation 1 / rank, B zero.
            case gaussian
            /// Of the weight itself what its first columns span (Büyükakyüz 2024,
            /// arXiv:2406.01775).
            case olora
            /// Of the weight itself its largest singular values (Meng et al. 2024,
            /// arXiv:2404.02948), exactly or as they are after so many passes.
            case pissa
            case pissaPasses(Int)

            /// Whether they begin as a part of the base, which is taken out of that.
            package var changesBase: Bool { self != .standard && self != .gaussian }
        }
        /// Which biases are trained beside the matrices.
        package enum Bias: String, Sendable, Hashable, CaseIterable {
            case none, all
            /// Those of layers with an adapter.
            case loraOnly = "lora_only"
        }
        /// A number for the modules whose names match an expression: at the end of the name, behind
        /// a dot, or as the whole.
        package struct Exception: Sendable, Hashable {
            package var expression: String
            package var value: Double

            package init(_ expression: String, _ value: Double) { (self.expression, self.value) = (expression, value) }
        }
        package var rank = 16
        package var alpha = 32.0
        package var dropout = 0.0
        package var targets = Targets.allLinear
        /// Scaling by `alpha / sqrt(rank)` instead of `alpha / rank` (Kalajdzievski 2023,
        /// arXiv:2312.03732).
        package var usesRankStabilisedScaling = false
        /// Other ranks and alphas than those above; the first that matches a module counts.
        package var rankPattern: [Exception] = []
        package var alphaPattern: [Exception] = []
        /// The layers that get an adapter, counted from 0; nil: all.
        package var layers: [Int]?
        /// What of ``targets`` gets none.
        package var excluded: Targets?
        package var initialisation = Initialisation.standard
        /// Rows of each weight with a trained length (DoRA, Liu et al. 2024, arXiv:2402.09353).
        package var usesMagnitudes = false
        package var bias = Bias.none
        /// Modules of which the adapter has copies of its own, trained whole: ends of their names.
        package var savedModules: [String] = []
        /// A PEFT folder whose matrices are the initial ones.
        package var initFrom: String?
        /// What a manifest may leave to the adapter that training starts from; the raw values are
        /// the keys.
        package enum Inheritable: String, Sendable, Hashable, CaseIterable {
            case rank, alpha
            case targets = "target_modules"
            case scaling = "use_rslora"
            case rankPattern = "rank_pattern"
            case alphaPattern = "alpha_pattern"
            case layers = "layers_to_transform"
            case excluded = "exclude_modules"
            case magnitudes = "use_dora"
            case bias
            case saved = "modules_to_save"
        }
        /// What it does leave: with ``initFrom`` these are the initial adapter's, whatever stands
        /// above.
        package var inherited: Set<Inheritable> = []

        /// The rank of the module that has the most.
        ///
        /// What begins as a part of the base has twice the rank in the end: its beginning is taken
        /// away there.
        package var largestRank: Int {
            rankPattern.reduce(rank) { max($0, Int($1.value)) } * (initialisation.changesBase ? 2 : 1)
        }

        /// Whether it is matrices on linear layers and nothing else, which a batch may have one of
        /// a row.
        package var isPlain: Bool {
            if case .names(let names) = targets, names.contains(where: { Self.embeddings.contains($0.split(separator: ".").last ?? "") }) {
                return false
            }
            return !usesMagnitudes && bias == .none && savedModules.isEmpty
        }

        /// What models call their embeddings.
        private static let embeddings: Set<Substring> = ["embed_tokens", "wte", "embed_in"]

        package init() {}

        package static let keys: [Key<LoRA>] = [
            Key("rank", \.rank, .integer(1...4096), "Rows of the small matrices", aliases: ["lora_r", "r", "lora_rank"]),
            Key(
                "alpha", \.alpha, .number(0...1_000_000), following: "2 × rank", { Double(2 * $0.rank) },
                "The adapter's output is scaled by alpha / rank",
                aliases: ["lora_alpha", "scale"]),
            Key("dropout", \.dropout, .number(0...0.95), "Share of the adapter's inputs that is dropped", aliases: ["lora_dropout"]),
            Key(
                "target_modules", \.targets, .targets,
                "Linear layers (and the embedding) that get an adapter, by name, full path, or expression",
                aliases: ["lora_target_modules"]),
            Key("exclude_modules", \.excluded, .excludedTargets, "What of these gets none"),
            Key("layers_to_transform", \.layers, .layers, "The layers whose modules get an adapter, counted from 0; without it all"),
            Key(
                "rank_pattern", \.rankPattern, .exceptions(of: .integer(1...4096)),
                "Other ranks, by expressions for the end of a module's name"),
            Key("alpha_pattern", \.alphaPattern, .exceptions(of: .number(0...1_000_000)), "Other alphas, likewise"),
            Key("use_rslora", \.usesRankStabilisedScaling, .flag, "Scaling by alpha / sqrt(rank)"),
            Key(
                "init_lora_weights", \.initialisation, .initialisation, "What the matrices begin with; true: A random, B zero"),
            Key(
                "use_dora", \.usesMagnitudes, .flag,
                "DoRA: the length of each of a weight's rows is trained apart from its direction"),
            Key(
                "bias", \.bias, .word, "Which biases are trained: none, all, or those of layers with an adapter"),
            Key(
                "modules_to_save", \.savedModules, .moduleNames,
                "Modules that are trained whole and kept with the adapter, by the ends of their names"),
            Key("init_from", \.initFrom, .text(limit: 1024), "PEFT folder with the initial matrices; without it A is random and B zero"),
        ]

        package static let exclusions = [Exclusion("init_from", "init_lora_weights", idle: true)]

        package mutating func settle(_ section: ManifestSection) throws(ManifestError) {
            if layers != nil, case .pattern = targets {
                throw section.failure(
                    "layers_to_transform", "does not go with an expression as target_modules, which names the layers itself")
            }
            if initialisation.changesBase, usesMagnitudes {
                throw section.failure("use_dora", "does not go with init_lora_weights of this kind: give one of the two")
            }
            if initialisation.changesBase, alpha == 0 {
                throw section.failure("alpha", "is 0, with which the matrices cannot be a part of the base")
            }
            let given = section.given
            guard initFrom != nil else { return }
            inherited = Set(Inheritable.allCases.filter { !given.contains($0.rawValue) })
            // What is empty is as good as left out.
            if rankPattern.isEmpty { inherited.insert(.rankPattern) }
            if alphaPattern.isEmpty { inherited.insert(.alphaPattern) }
            if savedModules.isEmpty { inherited.insert(.saved) }
        }

        /// Keys that older manifests do not have are left out where they say nothing: a job's
        /// canonical manifest stays what it was.
        package func omits(_ key: String) -> Bool {
            if inherited.contains(where: { $0.rawValue == key }) { return true }
            switch key {
            case "init_lora_weights": return initialisation == .standard
            case "use_dora": return initFrom == nil && !usesMagnitudes
            case "bias": return initFrom == nil && bias == .none
            default: return false
            }
        }
    }
}
