import Graph
import JSON
import Tensors

/// Phi-3.5-MoE (Abdin et al. 2024, arXiv:2404.14219): Mixtral's layers with layer norms and biases,
/// and SparseMixer's choice of experts.
///
/// Training computes what evaluation does: the largest logits choose, without noise. transformers
/// draws experts at random in training and estimates the router's gradient another way.
struct PhiMoEFamily: ModelFamily {
    static let modelType = "phimoe"
    let layer: StandardLayer
    let hasHeadBias: Bool
    var norm: NormSettings { layer.norm }
    var names: ModelNames { ModelNames(headBias: hasHeadBias ? "lm_head.bias" : nil) }

    private static let heldNames = MixtureOfExperts.Names(router: "mlp.router")

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        layer.norm = try .layer(reader, "rms_norm_eps")
        try layer.readAttentionBias(reader)
        let noise = try reader.number("router_jitter_noise") ?? 0.01
        guard noise >= 0, noise.isFinite else { throw reader.failure("router_jitter_noise", "\(noise) is not a positive number") }
        var experts = try MixtureOfExperts(
            reader, countKeys: ["num_local_experts"], widthKey: "intermediate_size", activation: layer.activation,
            weighting: .among(Float(2 * noise)), usual: (16, 2, nil))
        experts.names = MixtralFamily.names
        layer.experts = experts
        model.routerLoss = try reader.routerLoss(chosenCount: experts.chosenCount, usual: 0)
        self.layer = layer
        hasHeadBias = try reader.flag("lm_head_bias") ?? false
        var rotary = try reader.rotary(for: model, defaultBase: 1e6)
        if case .longrope(let short, let long, let original, _) = rotary.scaling, let scaling = reader.value("rope_scaling"),
            let factor = scaling["short_mscale"]?.double
        {
            guard factor > 0, factor < 100, scaling["long_mscale"]?.double == factor else {
                throw reader.failure("rope_scaling.long_mscale", "is not the number that short_mscale is, which is not supported")
            }
            rotary.scaling = .longrope(
                shortFactors: short, longFactors: long, originalPositions: original, attentionFactor: factor)
        }
        model.rotaryTables = [RotaryTable(rotary)]
        model.slideEverywhere(try reader.optionalCount("sliding_window", limit: 1 << 28))
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }

    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint {
        layer.experts?.separated(weights, layers: model.layerCount, hiddenSize: model.hiddenSize, held: Self.heldNames) ?? weights
    }
}
