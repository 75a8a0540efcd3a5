import Graph

/// Phi-1, 1.5 and 2 (Gunasekar et al. 2023, arXiv:2306.11644): one layer norm feeds attention and
/// feed-forward layer side by side; biases everywhere, also on the head; a part of each head is
/// turned.
struct PhiFamily: ModelFamily {
    static let modelType = "phi"
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    var names: ModelNames { ModelNames(finalNorm: "model.final_layernorm", headBias: "lm_head.bias") }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        if try reader.flag("qk_layernorm") ?? false {
            throw reader.failure("qk_layernorm", "norms on queries and keys are not supported for this architecture")
        }
        norm = try .layer(reader, "layer_norm_eps")
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .geluTanh
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultShare: 0.5))]
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        let q = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: true)
        let k = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: true)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: true)
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let h = try builder.linear(attention + "dense", o, outputs: hiddenSize, hasBias: true, addingTo: hidden)
        let inner = try builder.linear(prefix + "mlp.fc1", x, outputs: intermediateSize, hasBias: true)
        return try builder.linear(
            prefix + "mlp.fc2", builder.activated(inner, activation), outputs: hiddenSize, hasBias: true, addingTo: h)
    }
}
