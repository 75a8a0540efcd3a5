import Glibc
import Graph

/// Gemma 2 (Gemma Team 2024, arXiv:2408.00118): norms before and after both halves of a layer, with weights stored as the difference from one;
/// capped scores and logits; every second layer with a sliding window; embeddings scaled by the square root of their width.
struct Gemma2Family: ModelFamily {
    let modelType = "gemma2"
    let activationKey = "hidden_activation"
    let tiesEmbeddingsByDefault = true
    let normWeightOffset: Float = 1

    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        configuration.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28) ?? 4096
        configuration.isSliding = (0..<configuration.layerCount).map { $0 % 2 == 0 }
        configuration.queryScale = try reader.number("query_pre_attn_scalar") ?? 256
        guard configuration.queryScale > 0 else { throw reader.failure("query_pre_attn_scalar", "is not positive") }
        configuration.attentionSoftCap = try reader.number("attn_logit_softcapping") ?? 0
        configuration.finalSoftCap = try reader.number("final_logit_softcapping") ?? 0
        guard configuration.attentionSoftCap >= 0 else { throw reader.failure("attn_logit_softcapping", "is negative") }
        guard configuration.finalSoftCap >= 0 else { throw reader.failure("final_logit_softcapping", "is negative") }
    }

    func embeddingScale(_ configuration: ModelConfiguration) -> Double { Double(configuration.hiddenSize).squareRoot() }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm.weight", hidden)
        let bias = configuration.hasAttentionBias
        let q = try builder.linear(attention + "q_proj", x, outputs: configuration.headCount * configuration.headWidth, hasBias: bias)
        let k = try builder.linear(
            attention + "k_proj", x, outputs: configuration.keyValueHeadCount * configuration.headWidth, hasBias: bias)
        let v = try builder.linear(
            attention + "v_proj", x, outputs: configuration.keyValueHeadCount * configuration.headWidth, hasBias: bias)
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        let attended = try builder.linear(attention + "o_proj", o, outputs: configuration.hiddenSize, hasBias: bias)
        let h = try builder.added(hidden, builder.norm(prefix + "post_attention_layernorm.weight", attended, isResidual: true))
        let y = try builder.norm(prefix + "pre_feedforward_layernorm.weight", h)
        let gate = try builder.linear(prefix + "mlp.gate_proj", y, outputs: configuration.intermediateSize)
        let up = try builder.linear(prefix + "mlp.up_proj", y, outputs: configuration.intermediateSize)
        let down = try builder.linear(prefix + "mlp.down_proj", builder.gated(gate, up), outputs: configuration.hiddenSize)
        return try builder.added(h, builder.norm(prefix + "post_feedforward_layernorm.weight", down, isResidual: true))
    }
}
