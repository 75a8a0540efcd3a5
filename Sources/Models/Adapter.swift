import Basics
package import Manifest
import Tokenization

/// A linear layer of a model that an adapter may sit on, or its embedding.
package struct LinearModule: Sendable, Hashable {
    /// The full path, for example `model.layers.0.self_attn.q_proj`.
    package var name: String
    package var inputs: Int
    package var outputs: Int
    /// Whether the checkpoint stores its weight as `[inputs, outputs]`.
    package var isTransposed = false
    /// Whether it is the embedding: its inputs are the tokens.
    package var isEmbedding = false
    /// Whether it is one expert's of several.
    package var isExpert = false

    /// The last word of the path: `q_proj`.
    package var shortName: String { String(name.split(separator: ".").last ?? "") }

    /// The layer that it belongs to, counted from 0.
    package var layer: Int? { Self.layer(of: name) }

    /// The number behind the first part of a name that stands before one, for example 3 in
    /// `model.layers.3.mlp.up_proj`.
    /// - Parameter names: what that part may be; empty: anything.
    static func layer(of name: String, below names: [String] = []) -> Int? {
        let parts = name.split(separator: ".")
        for (part, next) in zip(parts, parts.dropFirst()) where names.isEmpty || names.contains(String(part)) {
            if let number = Int(next) { return number }
        }
        return nil
    }
}

/// Low-rank matrices (Hu et al. 2021, arXiv:2106.09685) on one linear layer: `y += scale * (x Aᵀ)
/// Bᵀ`.
package struct AdapterModule: Sendable, Hashable {
    package var module: LinearModule
    package var rank: Int
    package var scale: Double
    /// Whether the length of each of the weight's rows is trained too (DoRA, Liu et al. 2024,
    /// arXiv:2402.09353): `y = (x Wᵀ + scale * (x Aᵀ) Bᵀ) * magnitude / length`, with the lengths
    /// of the rows of `W + scale * B A`, which count as constants.
    package var hasMagnitude = false
    /// Whether the matrices began as a part of the base: then frozen ones, as they began, are taken
    /// away from it.
    package var hasTwin = false
    /// Tells the dropout of one module from another's.
    package var stream: UInt32

    /// The module beside the base as it is: what began as a part of that has twice the rank then.
    package var plain: AdapterModule {
        var plain = self
        if hasTwin { (plain.rank, plain.hasTwin) = (2 * rank, false) }
        return plain
    }

    /// The keys of PEFT's adapter files: A is `[rank, inputs]`, B is `[outputs, rank]`.
    ///
    /// On the device the A of an embedding lies turned, a row a token.
    package var keyOfA: String { "base_model.model.\(module.name).lora_\(module.isEmbedding ? "embedding_A" : "A.weight")" }
    package var keyOfB: String { "base_model.model.\(module.name).lora_\(module.isEmbedding ? "embedding_B" : "B.weight")" }
    /// Of DoRA, `[outputs]`.
    package var keyOfMagnitude: String { "base_model.model.\(module.name).lora_magnitude_vector" }
    /// What the matrices began as, on the device alone.
    package var keyOfTwinA: String { "twin/\(module.name)/A" }
    package var keyOfTwinB: String { "twin/\(module.name)/B" }
    /// `[1, outputs]`, the sums of squares of the frozen weight's rows.
    var keyOfSquares: String { "squares/\(module.name)" }
}

/// What of a model gets an adapter, and how strong it is.
package struct AdapterSettings: Sendable, Hashable {
    package typealias Targets = Manifest.LoRA.Targets
    package typealias Exception = Manifest.LoRA.Exception
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
    /// The layers that get an adapter; nil: all.
    package var layers: [Int]?
    /// What of ``targets`` gets none.
    package var excluded: Targets?
    package var initialisation = Manifest.LoRA.Initialisation.standard
    /// Whether the rows' lengths are trained too (DoRA).
    package var usesMagnitudes = false
    /// Which biases are trained with it.
    package var bias = Manifest.LoRA.Bias.none
    /// Modules that are trained whole, by the ends of their names.
    package var savedModules: [String] = []
    /// Whether a head that is the embedding stays it where either is saved (PEFT's
    /// `ensure_weight_tying`).
    package var keepsTies = false
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

    /// The adapters on a model's linear layers, in the layers' order.
    /// - Throws: ``ModelError`` if a target names no linear layer.
    package func modules(on linears: [LinearModule]) throws(ModelError) -> [AdapterModule] {
        let chosen = try chosen(of: linears)
        if usesMagnitudes || initialisation.changesBase, let embedding = chosen.first(where: \.isEmbedding) {
            throw ModelError(
                file: "manifest", field: "adapter.target_modules",
                "names the embedding \(embedding.name), which goes neither with use_dora nor with this init_lora_weights: leave it out")
        }
        return chosen.enumerated().map { index, module in
            AdapterModule(
                module: module, rank: rank(of: module), scale: scale(of: module), hasMagnitude: usesMagnitudes,
                hasTwin: initialisation.changesBase,
                stream: UInt32(truncatingIfNeeded: index))
        }
    }
}

extension Manifest.LoRA.Exception {
    /// PEFT looks for the expression at the end of a name, behind a dot or as the whole.
    func matches(_ name: String) -> Bool {
        name == expression || name.hasSuffix("." + expression) || pattern?.matches(name) == true
    }

    /// Nil if the expression is not understood.
    var pattern: NamePattern? { NamePattern("(?:.*\\.)?(?:\(expression))") }
}
