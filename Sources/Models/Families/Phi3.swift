import Graph

/// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv:2404.14219): queries, keys and values come from one
/// projection, gate and up from another; a sliding window on every layer where `sliding_window` is
/// set; longrope and partial rotary embedding in some.
struct Phi3Family: ModelFamily {
    static let modelType = "phi3"
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = try .rootMeanSquare(reader)
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .silu
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        model.slideEverywhere(try reader.optionalCount("sliding_window", limit: 1 << 28))
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let (queries, keys) = (builder.queryColumns, builder.keyColumns)
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        let qkv = try builder.linear(prefix + "self_attn.qkv_proj", x, outputs: queries + 2 * keys)
        let parts = try builder.split(qkv, widths: [queries, keys, keys])
        let o = try builder.attention(layer: index, q: builder.rotated(parts[0]), k: builder.rotated(parts[1]), v: parts[2])
        let h = try builder.linear(prefix + "self_attn.o_proj", o, outputs: configuration.hiddenSize, addingTo: hidden)
        let y = try builder.norm(prefix + "post_attention_layernorm", h, norm)
        let gateUp = try builder.linear(prefix + "mlp.gate_up_proj", y, outputs: 2 * intermediateSize)
        let halves = try builder.split(gateUp, widths: [intermediateSize, intermediateSize])
        let product = try builder.gated(halves[0], halves[1], activation)
        return try builder.linear(prefix + "mlp.down_proj", product, outputs: configuration.hiddenSize, addingTo: h)
    }
}
