import Graph
import Tensors

/// A feed-forward layer of which each token uses a few of many gated ones (Shazeer et al. 2017,
/// arXiv:1701.06538; Fedus et al. 2021, arXiv:2101.03961).
struct MixtureOfExperts: Sendable, Hashable {
    /// What modules are called below a layer.
    struct Names: Sendable, Hashable {
        var router = "mlp.gate"
        /// What stands before an expert's number.
        var experts = "mlp.experts"
        var gate = "gate_proj"
        var up = "up_proj"
        var down = "down_proj"
    }
    var names = Names()
    var expertCount: Int
    /// Experts that each token uses.
    var chosenCount: Int
    /// Columns between an expert's projections.
    var width: Int
    var weighting: ExpertWeighting
    var activation: ActivationFunction
    /// The gate in the place of one by `activation`; nil: that one.
    var clampedGate: ClampedGateShape?
    /// Whether routers and experts have biases.
    var hasBias = false

    /// - Parameters:
    ///   - countKeys: what config.json may call the number of experts.
    ///   - widthKey: what it calls an expert's columns.
    ///   - usual: experts of a layer and of a token, and an expert's columns, where config.json
    ///     does not say; nil: it has to.
    init(
        _ reader: ConfigurationReader, countKeys: [String], widthKey: String, activation: ActivationFunction, weighting: ExpertWeighting,
        usual: (experts: Int, chosen: Int, width: Int?)
    ) throws(ModelError) {
        let (countKey, chosenKey) = (countKeys.first { reader.value($0) != nil } ?? "num_experts", "num_experts_per_tok")
        expertCount = try reader.optionalCount(countKey, limit: ExpertChoice.expertLimit) ?? usual.experts
        chosenCount = try reader.optionalCount(chosenKey, limit: ExpertChoice.countLimit) ?? usual.chosen
        guard chosenCount <= expertCount else {
            throw reader.failure(chosenKey, "is \(chosenCount), and there are \(expertCount) experts (\(countKey))")
        }
        if let usualWidth = usual.width {
            width = try reader.optionalCount(widthKey, limit: 1 << 20) ?? usualWidth
        } else {
            width = try reader.count(widthKey, limit: 1 << 20)
        }
        (self.activation, self.weighting) = (activation, weighting)
    }

    private func modules(_ prefix: String, _ name: String) -> [String] {
        (0..<expertCount).map { "\(prefix)\(names.experts).\($0).\(name)" }
    }

    /// Adds the sum of each token's experts to the residual stream.
    /// - Parameters:
    ///   - prefix: of the layer's names.
    ///   - y: the normalised rows.
    func add(_ prefix: String, _ y: ValueID, addingTo h: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let experts = try builder.chosenExperts(
            prefix + names.router, y, count: expertCount, chosen: chosenCount, weighting: weighting, hasBias: hasBias)
        let x = try builder.expertRows(y, experts)
        let gate = try builder.expertLinear(modules(prefix, names.gate), x, experts, outputs: width, hasBias: hasBias)
        let up = try builder.expertLinear(modules(prefix, names.up), x, experts, outputs: width, hasBias: hasBias)
        var product = try builder.gated(gate, up, activation, clamped: clampedGate)
        // What goes into the last product is narrower than what comes out, but a bias comes behind
        // it.
        if !hasBias { product = try builder.weighted(product, experts) }
        var z = try builder.expertLinear(
            modules(prefix, names.down), product, experts, outputs: builder.configuration.hiddenSize, hasBias: hasBias,
            writesResidual: true)
        if hasBias { z = try builder.weighted(z, experts) }
        return try builder.expertSum(z, experts, addingTo: h)
    }
}

extension MixtureOfExperts {
    /// The weights one by one where a checkpoint has those of all experts of a layer as one tensor,
    /// as models of transformers 5 hold them in memory: `gate_up_proj` `[experts, 2 * width,
    /// hidden]` and `down_proj` `[experts, hidden, width]`.
    /// - Parameter held: what the modules are called there.
    func separated(_ weights: Checkpoint, layers: Int, hiddenSize: Int, held: Names) -> Checkpoint {
        var (pieces, whole): ([(tensor: StoredTensor, from: String)], Set<String>) = ([], [])
        for layer in 0..<layers {
            let prefix = "model.layers.\(layer)."
            let (both, down) = ("\(prefix)\(held.experts).gate_up_proj", "\(prefix)\(held.experts).down_proj")
            if let stored = weights.tensors[both], stored.shape == [expertCount, 2 * width, hiddenSize], stored.isPlain {
                whole.insert(both)
                for expert in 0..<expertCount {
                    let start = "\(prefix)\(names.experts).\(expert)."
                    let first = expert * 2 * width
                    pieces.append((stored.rows(first..<first + width, hiddenSize, named: start + names.gate + ".weight"), both))
                    pieces.append(
                        (stored.rows(first + width..<first + 2 * width, hiddenSize, named: start + names.up + ".weight"), both))
                }
            }
            if let stored = weights.tensors[down], stored.shape == [expertCount, hiddenSize, width], stored.isPlain {
                whole.insert(down)
                for expert in 0..<expertCount {
                    let name = "\(prefix)\(names.experts).\(expert).\(names.down).weight"
                    pieces.append((stored.rows(expert * hiddenSize..<(expert + 1) * hiddenSize, width, named: name), down))
                }
            }
            let (router, other) = ("\(prefix)\(names.router).weight", "\(prefix)\(held.router).weight")
            if router != other, weights.tensors[router] == nil, var stored = weights.tensors[other] {
                stored.name = router
                whole.insert(other)
                pieces.append((stored, other))
            }
        }
        return whole.isEmpty ? weights : weights.replacing(whole, by: pieces)
    }
}
