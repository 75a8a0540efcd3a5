import Graph

/// OLMo 2 (OLMo Team 2024, arXiv:2501.00656): no norm before attention and feed-forward layer but
/// one behind each, before the residual sum; norms on all queries and on all keys together.
struct OLMo2Family: ModelFamily {
    static let modelType = "olmo2"
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let hasAttentionBias: Bool

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = NormSettings(
            kind: .rootMeanSquare(weightOffset: 0), epsilon: try reader.epsilon("rms_norm_eps", default: 1e-5))
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .silu
        hasAttentionBias = try reader.flag("attention_bias") ?? false
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.asActivations(hidden)
        let queries = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: hasAttentionBias)
        let q = try builder.norm(attention + "q_norm", queries, norm)
        let keys = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        let k = try builder.norm(attention + "k_norm", keys, norm)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let attended = try builder.linear(
            attention + "o_proj", o, outputs: hiddenSize, hasBias: hasAttentionBias, writesResidual: true)
        let h = try builder.added(hidden, builder.norm(prefix + "post_attention_layernorm", attended, norm, isResidual: true))
        let y = try builder.asActivations(h)
        let gate = try builder.linear(prefix + "mlp.gate_proj", y, outputs: intermediateSize)
        let up = try builder.linear(prefix + "mlp.up_proj", y, outputs: intermediateSize)
        let down = try builder.linear(
            prefix + "mlp.down_proj", builder.gated(gate, up, activation), outputs: hiddenSize, writesResidual: true)
        return try builder.added(h, builder.norm(prefix + "post_feedforward_layernorm", down, norm, isResidual: true))
    }
}
