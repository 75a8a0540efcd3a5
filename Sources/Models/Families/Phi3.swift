import Graph

/// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv:2404.14219): queries, keys and values come from one projection, gate and up from another;
/// a sliding window on every layer where `sliding_window` is set; longrope and partial rotary embedding in some.
struct Phi3Family: ModelFamily {
    let modelType = "phi3"

    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        configuration.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28)
        configuration.isSliding = Array(repeating: configuration.slidingWindow != nil, count: configuration.layerCount)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let queries = configuration.headCount * configuration.headWidth
        let keys = configuration.keyValueHeadCount * configuration.headWidth
        let x = try builder.norm(prefix + "input_layernorm.weight", hidden)
        let qkv = try builder.linear(prefix + "self_attn.qkv_proj", x, outputs: queries + 2 * keys)
        let parts = try builder.split(qkv, widths: [queries, keys, keys])
        let o = try builder.attention(layer: index, q: builder.rotated(parts[0]), k: builder.rotated(parts[1]), v: parts[2])
        let h = try builder.linear(prefix + "self_attn.o_proj", o, outputs: configuration.hiddenSize, addingTo: hidden)
        let y = try builder.norm(prefix + "post_attention_layernorm.weight", h)
        let gateUp = try builder.linear(prefix + "mlp.gate_up_proj", y, outputs: 2 * configuration.intermediateSize)
        let halves = try builder.split(gateUp, widths: [configuration.intermediateSize, configuration.intermediateSize])
        let product = try builder.gated(halves[0], halves[1])
        return try builder.linear(prefix + "mlp.down_proj", product, outputs: configuration.hiddenSize, addingTo: h)
    }
}
