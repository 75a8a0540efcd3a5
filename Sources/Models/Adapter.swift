import Basics
package import Manifest
import Tokenization

/// A linear layer of a model that an adapter may sit on.
package struct LinearModule: Sendable, Hashable {
    /// The full path, for example `model.layers.0.self_attn.q_proj`.
    package var name: String
    package var inputs: Int
    package var outputs: Int
    /// Whether the checkpoint stores its weight as `[inputs, outputs]`.
    package var isTransposed = false

    /// The last word of the path: `q_proj`.
    package var shortName: String { String(name.split(separator: ".").last ?? "") }
}

/// Low-rank matrices (Hu et al. 2021, arXiv:2106.09685) on one linear layer: `y += scale * (x Aᵀ)
/// Bᵀ`.
package struct AdapterModule: Sendable, Hashable {
    package var module: LinearModule
    package var rank: Int
    package var scale: Double
    /// Tells the dropout of one module from another's.
    package var stream: UInt32

    /// The keys of PEFT's adapter files: A is `[rank, inputs]`, B is `[outputs, rank]`.
    package var keyOfA: String { "base_model.model.\(module.name).lora_A.weight" }
    package var keyOfB: String { "base_model.model.\(module.name).lora_B.weight" }
}

/// What of a model gets an adapter, and how strong it is.
package struct AdapterSettings: Sendable, Hashable {
    package typealias Targets = Manifest.LoRA.Targets
    /// A number for the modules whose names match an expression, as `rank_pattern` and
    /// `alpha_pattern` give them.
    package struct Exception: Sendable, Hashable {
        package var expression: String
        package var value: Double

        package init(_ expression: String, _ value: Double) { (self.expression, self.value) = (expression, value) }

        /// PEFT looks for the expression at the end of a name, behind a dot or as the whole.
        func matches(_ name: String) -> Bool {
            name == expression || name.hasSuffix("." + expression) || NamePattern("(?:.*\\.)?(?:\(expression))")?.matches(name) == true
        }
    }
    package var rank: Int
    package var alpha: Double
    package var dropout: Double
    package var targets: Targets
    /// Scaling by `alpha / sqrt(rank)` instead of `alpha / rank` (Kalajdzievski 2023,
    /// arXiv:2312.03732).
    package var usesRankStabilisedScaling: Bool
    /// Other ranks and alphas than those above; the first that matches a module counts.
    package var rankExceptions: [Exception] = []
    package var alphaExceptions: [Exception] = []
    /// A folder whose matrices are the initial ones.
    package var initialFolder: String?

    package init(
        rank: Int = 16, alpha: Double = 32, dropout: Double = 0, targets: Targets = .allLinear, usesRankStabilisedScaling: Bool = false,
        initialFolder: String? = nil
    ) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.usesRankStabilisedScaling = usesRankStabilisedScaling
        self.initialFolder = initialFolder
    }

    /// The rank of a module's matrices.
    func rank(of module: LinearModule) -> Int { rankExceptions.first { $0.matches(module.name) }.map { Int($0.value) } ?? rank }

    func scale(of module: LinearModule) -> Double {
        let alpha = alphaExceptions.first { $0.matches(module.name) }?.value ?? alpha
        let rank = Double(rank(of: module))
        return usesRankStabilisedScaling ? alpha / rank.squareRoot() : alpha / rank
    }

    /// The linear layers that the targets name, in the layers' order.
    /// - Throws: ``ModelError`` if a target names no linear layer.
    func chosen(of linears: [LinearModule]) throws(ModelError) -> [LinearModule] {
        guard case .names(let names) = targets else { return linears }
        var wanted: Set<String> = []
        for name in names {
            let matching = linears.filter { $0.name == name || $0.name.hasSuffix("." + name) }
            if matching.isEmpty {
                let known = Set(linears.map(\.shortName)).sorted()
                let nearest = known.min { EditDistance.between($0, name) < EditDistance.between($1, name) }
                throw ModelError(
                    file: "manifest", field: "adapter.target_modules",
                    "the model has no linear layer \"\(name)\"" + (nearest.map { "; did you mean \($0)?" } ?? "")
                        + " Its linear layers are \(known.joined(separator: ", "))")
            }
            wanted.formUnion(matching.map(\.name))
        }
        return linears.filter { wanted.contains($0.name) }
    }

    /// The adapters on a model's linear layers, in the layers' order.
    /// - Throws: ``ModelError`` if a target names no linear layer.
    package func modules(on linears: [LinearModule]) throws(ModelError) -> [AdapterModule] {
        try chosen(of: linears).enumerated().map { index, module in
            AdapterModule(
                module: module, rank: rank(of: module), scale: scale(of: module), stream: UInt32(truncatingIfNeeded: index))
        }
    }
}
