import Graph

/// GLM-4 of April 2025 (GLM Team 2024, arXiv:2406.12793): biases on queries, keys and values;
/// neighbouring columns of a head's first half are turned; gate and up from one projection; norms
/// before and behind attention and feed-forward layer.
struct GLM4Family: ModelFamily {
    static let modelType = "glm4"
    static let usualHeadWidth: Int? = 128
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let hasAttentionBias: Bool

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = NormSettings(
            kind: .rootMeanSquare(weightOffset: 0), epsilon: try reader.epsilon("rms_norm_eps", default: 1.5625e-7))
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .silu
        hasAttentionBias = try reader.flag("attention_bias") ?? false
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultShare: 0.5))]
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        let q = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: hasAttentionBias)
        let k = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        let o = try builder.attention(
            layer: index, q: builder.rotated(q, isInterleaved: true), k: builder.rotated(k, isInterleaved: true), v: v)
        let attended = try builder.linear(attention + "o_proj", o, outputs: hiddenSize, writesResidual: true)
        let h = try builder.added(hidden, builder.norm(prefix + "post_self_attn_layernorm", attended, norm, isResidual: true))
        let y = try builder.norm(prefix + "post_attention_layernorm", h, norm)
        let gateUp = try builder.linear(prefix + "mlp.gate_up_proj", y, outputs: 2 * intermediateSize)
        let halves = try builder.split(gateUp, widths: [intermediateSize, intermediateSize])
        let down = try builder.linear(
            prefix + "mlp.down_proj", builder.gated(halves[0], halves[1], activation), outputs: hiddenSize, writesResidual: true)
        return try builder.added(h, builder.norm(prefix + "post_mlp_layernorm", down, norm, isResidual: true))
    }
}
