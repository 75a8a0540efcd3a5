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
    /// Tells the dropout of one module from another's.
    package var stream: UInt32

    /// The keys of PEFT's adapter files: A is `[rank, inputs]`, B is `[outputs, rank]`.
    package var keyOfA: String { "base_model.model.\(module.name).lora_A.weight" }
    package var keyOfB: String { "base_model.model.\(module.name).lora_B.weight" }
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
        try chosen(of: linears).enumerated().map { index, module in
            AdapterModule(
                module: module, rank: rank(of: module), scale: scale(of: module), stream: UInt32(truncatingIfNeeded: index))
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
