import Graph

/// StarCoder 2 (Lozhkov et al. 2024, arXiv:2402.19173): layer norms, biases everywhere, a
/// feed-forward layer without a gate, a sliding window on every layer where `sliding_window` is
/// set.
struct StarCoder2Family: ModelFamily {
    static let modelType = "starcoder2"
    static let tiesEmbeddingsByDefault = true
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let hasBias: Bool

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = try .layer(reader, "norm_epsilon")
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .geluTanh
        hasBias = try reader.flag("use_bias") ?? true
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        model.slideEverywhere(try reader.optionalCount("sliding_window", limit: 1 << 28))
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        let q = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: hasBias)
        let k = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: hasBias)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: hasBias)
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let h = try builder.linear(attention + "o_proj", o, outputs: hiddenSize, hasBias: hasBias, addingTo: hidden)
        let y = try builder.norm(prefix + "post_attention_layernorm", h, norm)
        let inner = try builder.linear(prefix + "mlp.c_fc", y, outputs: intermediateSize, hasBias: hasBias)
        return try builder.linear(
            prefix + "mlp.c_proj", builder.activated(inner, activation), outputs: hiddenSize, hasBias: hasBias, addingTo: h)
    }
}
