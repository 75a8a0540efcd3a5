import Graph

/// The layer of Gemma 2 and 3: norms before and after both halves, with weights stored as the
/// difference from one.
struct GemmaLayer: Sendable, Hashable {
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let hasAttentionBias: Bool
    /// Scores are divided by the square root of this.
    let queryScale: Double
    /// The cap of attention scores; 0: none.
    let softCap: Double
    /// Embedded tokens are multiplied by the square root of their width.
    let embeddingScale: Double

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = try .rootMeanSquare(reader, weightOffset: 1)
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        let named = try reader.activation("hidden_activation")
        // The older key says gelu and means its approximation.
        let older = named == nil ? try reader.activation("hidden_act") : nil
        activation = named ?? (older == .gelu ? .geluTanh : older) ?? .geluTanh
        hasAttentionBias = try reader.flag("attention_bias") ?? false
        queryScale = try reader.number("query_pre_attn_scalar") ?? 256
        guard queryScale > 0 else { throw reader.failure("query_pre_attn_scalar", "is not positive") }
        softCap = try reader.number("attn_logit_softcapping") ?? 0
        guard softCap >= 0 else { throw reader.failure("attn_logit_softcapping", "is negative") }
        model.finalSoftCap = try reader.number("final_logit_softcapping") ?? 0
        guard model.finalSoftCap >= 0 else { throw reader.failure("final_logit_softcapping", "is negative") }
        model.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28) ?? 4096
        embeddingScale = Double(model.hiddenSize).squareRoot()
    }

    /// - Parameters:
    ///   - normalisesHeads: a norm on the queries and keys of each head.
    ///   - table: the rotary table of this layer.
    func add(
        _ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder, normalisesHeads: Bool, table: RotaryTable?
    ) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        var q = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: hasAttentionBias)
        var k = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: hasAttentionBias)
        if normalisesHeads {
            q = try builder.norm(attention + "q_norm", q, norm, groupCount: configuration.headCount)
            k = try builder.norm(attention + "k_norm", k, norm, groupCount: configuration.keyValueHeadCount)
        }
        let o = try builder.attention(
            layer: index, q: builder.rotated(q, by: table), k: builder.rotated(k, by: table), v: v, scale: 1 / queryScale.squareRoot(),
            softCap: softCap)
        let attended = try builder.linear(
            attention + "o_proj", o, outputs: configuration.hiddenSize, hasBias: hasAttentionBias, writesResidual: true)
        let h = try builder.added(hidden, builder.norm(prefix + "post_attention_layernorm", attended, norm, isResidual: true))
        let y = try builder.norm(prefix + "pre_feedforward_layernorm", h, norm)
        let gate = try builder.linear(prefix + "mlp.gate_proj", y, outputs: intermediateSize)
        let up = try builder.linear(prefix + "mlp.up_proj", y, outputs: intermediateSize)
        let down = try builder.linear(
            prefix + "mlp.down_proj", builder.gated(gate, up, activation), outputs: configuration.hiddenSize, writesResidual: true)
        return try builder.added(h, builder.norm(prefix + "post_feedforward_layernorm", down, norm, isResidual: true))
    }
}
