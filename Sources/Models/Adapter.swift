import Basics

/// A linear layer of a model that an adapter may sit on.
package struct LinearModule: Sendable, Hashable {
    /// The full path, for example `model.layers.0.self_attn.q_proj`.
    package var name: String
    package var inputs: Int
    package var outputs: Int

    /// The last word of the path: `q_proj`.
    package var shortName: String { String(name.split(separator: ".").last ?? "") }
}

/// Low-rank matrices (Hu et al. 2021, arXiv:2106.09685) on one linear layer: `y += scale * (x Aᵀ) Bᵀ`.
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

/// What is trained, as the manifest says.
package struct AdapterSettings: Sendable, Hashable {
    package enum Targets: Sendable, Hashable {
        /// Every linear layer of the blocks, not the head.
        case allLinear
        /// Short names (`q_proj`) or full paths.
        case names([String])
    }
    package var rank: Int
    package var alpha: Double
    package var dropout: Double
    package var targets: Targets
    /// Scaling by `alpha / sqrt(rank)` instead of `alpha / rank` (Kalajdzievski 2023, arXiv:2312.03732).
    package var usesRankStabilisedScaling: Bool
    /// A PEFT folder whose matrices are the initial ones.
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

    package var scale: Double { usesRankStabilisedScaling ? alpha / Double(rank).squareRoot() : alpha / Double(rank) }

    /// The adapters on a model's linear layers, in the layers' order.
    /// - Throws: ``ModelError`` if a target names no linear layer.
    func modules(on linears: [LinearModule]) throws(ModelError) -> [AdapterModule] {
        let chosen: [LinearModule]
        switch targets {
        case .allLinear: chosen = linears
        case .names(let names):
            var wanted: Set<String> = []
            for name in names {
                let matching = linears.filter { $0.name == name || $0.shortName == name || $0.name.hasSuffix("." + name) }
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
            chosen = linears.filter { wanted.contains($0.name) }
        }
        return chosen.enumerated().map { index, module in
            AdapterModule(module: module, rank: rank, scale: scale, stream: UInt32(truncatingIfNeeded: index))
        }
    }
}
