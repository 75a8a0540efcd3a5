import Graph

/// GPT-NeoX (Black et al. 2022, arXiv:2204.06745) and Pythia: layer norms, attention and
/// feed-forward layer side by side where `use_parallel_residual` is set, queries, keys and values
/// of one projection ordered head by head, a part of each head turned.
struct GPTNeoXFamily: ModelFamily {
    static let modelType = "gpt_neox"
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let hasAttentionBias: Bool
    let isParallel: Bool
    var names: ModelNames {
        ModelNames(
            embedding: "gpt_neox.embed_in.weight", finalNorm: "gpt_neox.final_layer_norm", head: "embed_out.weight", headAlias: "lm_head")
    }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = try .layer(reader, "layer_norm_eps")
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .gelu
        hasAttentionBias = try reader.flag("attention_bias") ?? true
        isParallel = try reader.flag("use_parallel_residual") ?? true
        let base = try reader.positive("rotary_emb_base") ?? 10_000
        let share = try reader.positive("rotary_pct") ?? 0.25
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultBase: base, defaultShare: share))]
        guard model.keyValueHeadCount == model.headCount else {
            throw reader.failure("num_key_value_heads", "this architecture has as many of them as heads")
        }
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "gpt_neox.layers.\(index)."
        let attention = prefix + "attention."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        let fused = try builder.linear(attention + "query_key_value", x, outputs: 3 * builder.queryColumns, hasBias: hasAttentionBias)
        let parts = try builder.split(fused, widths: Array(repeating: configuration.headWidth, count: 3 * configuration.headCount))
        let q = try builder.joined(stride(from: 0, to: parts.count, by: 3).map { parts[$0] })
        let k = try builder.joined(stride(from: 1, to: parts.count, by: 3).map { parts[$0] })
        let v = try builder.joined(stride(from: 2, to: parts.count, by: 3).map { parts[$0] })
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let h = try builder.linear(
            attention + "dense", o, outputs: configuration.hiddenSize, hasBias: hasAttentionBias, addingTo: hidden)
        let y = try builder.norm(prefix + "post_attention_layernorm", isParallel ? hidden : h, norm)
        let inner = try builder.linear(prefix + "mlp.dense_h_to_4h", y, outputs: intermediateSize, hasBias: true)
        return try builder.linear(
            prefix + "mlp.dense_4h_to_h", builder.activated(inner, activation), outputs: configuration.hiddenSize, hasBias: true,
            addingTo: h)
    }
}
