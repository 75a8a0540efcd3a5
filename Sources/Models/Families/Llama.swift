import Graph

/// Llama 2 and 3 (Touvron et al. 2023, arXiv:2307.09288; Grattafiori et al. 2024, arXiv:2407.21783), and what shares their layers.
struct LlamaFamily: ModelFamily {
    let modelType = "llama"

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try Self.addStandardLayer(index, hidden, to: &builder, attentionBias: builder.configuration.hasAttentionBias ? .all : .none)
    }

    enum AttentionBias {
        case none
        /// On queries, keys and values only.
        case inputs
        case all
    }

    /// The layer of Llama, Mistral, Qwen 2 and Qwen 3: separate projections, a norm before attention and one before the feed-forward layer.
    static func addStandardLayer(
        _ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder, attentionBias: AttentionBias,
        normalisesQueriesAndKeys: Bool = false
    ) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm.weight", hidden)
        let hasBias = attentionBias != .none
        var q = try builder.linear(attention + "q_proj", x, outputs: configuration.headCount * configuration.headWidth, hasBias: hasBias)
        var k = try builder.linear(
            attention + "k_proj", x, outputs: configuration.keyValueHeadCount * configuration.headWidth, hasBias: hasBias)
        let v = try builder.linear(
            attention + "v_proj", x, outputs: configuration.keyValueHeadCount * configuration.headWidth, hasBias: hasBias)
        if normalisesQueriesAndKeys {
            q = try builder.norm(attention + "q_norm.weight", q, groupCount: configuration.headCount)
            k = try builder.norm(attention + "k_norm.weight", k, groupCount: configuration.keyValueHeadCount)
        }
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let h = try builder.linear(
            attention + "o_proj", o, outputs: configuration.hiddenSize, hasBias: attentionBias == .all, addingTo: hidden)
        let y = try builder.norm(prefix + "post_attention_layernorm.weight", h)
        let feedForward = prefix + "mlp."
        let gate = try builder.linear(
            feedForward + "gate_proj", y, outputs: configuration.intermediateSize, hasBias: configuration.hasFeedForwardBias)
        let up = try builder.linear(
            feedForward + "up_proj", y, outputs: configuration.intermediateSize, hasBias: configuration.hasFeedForwardBias)
        let product = try builder.gated(gate, up)
        return try builder.linear(
            feedForward + "down_proj", product, outputs: configuration.hiddenSize, hasBias: configuration.hasFeedForwardBias, addingTo: h)
    }
}
