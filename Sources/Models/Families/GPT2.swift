import Graph

/// GPT-2 (Radford et al. 2019) and DistilGPT2: learned positions, layer norms, biases everywhere, a
/// feed-forward layer without a gate, weights of linear layers stored as `[inputs, outputs]`.
struct GPT2Family: ModelFamily {
    static let modelType = "gpt2"
    static let tiesEmbeddingsByDefault = true
    static let optionalPrefix: String? = "transformer."
    static var sizeKeys: SizeKeys {
        SizeKeys(hiddenSize: "n_embd", layerCount: "n_layer", headCount: "n_head", maximumPositions: "n_positions")
    }
    let norm: NormSettings
    let activation: ActivationFunction
    let intermediateSize: Int
    let scalesScores: Bool
    let scalesByLayer: Bool
    var names: ModelNames { ModelNames(embedding: "transformer.wte.weight", finalNorm: "transformer.ln_f") }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = try .layer(reader, "layer_norm_epsilon")
        activation = try reader.activation("activation_function") ?? .geluTanh
        intermediateSize = try reader.optionalCount("n_inner", limit: 1 << 20) ?? 4 * model.hiddenSize
        scalesScores = try reader.flag("scale_attn_weights") ?? true
        scalesByLayer = try reader.flag("scale_attn_by_inverse_layer_idx") ?? false
        if try reader.flag("add_cross_attention") ?? false {
            throw reader.failure("add_cross_attention", "attention over another model's states is not supported")
        }
        guard model.keyValueHeadCount == model.headCount else {
            throw reader.failure("num_key_value_heads", "this architecture has as many of them as heads")
        }
    }

    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try builder.withPositions(builder.embedded(tokens, names.embedding), "transformer.wpe.weight")
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let prefix = "transformer.h.\(index)."
        let x = try builder.norm(prefix + "ln_1", hidden, norm)
        let fused = try builder.linear(prefix + "attn.c_attn", x, outputs: 3 * hiddenSize, hasBias: true, isTransposed: true)
        let parts = try builder.split(fused, widths: [hiddenSize, hiddenSize, hiddenSize])
        var scale = scalesScores ? 1 / Double(builder.configuration.headWidth).squareRoot() : 1
        if scalesByLayer { scale /= Double(index + 1) }
        let o = try builder.attention(layer: index, q: parts[0], k: parts[1], v: parts[2], scale: scale)
        let h = try builder.linear(prefix + "attn.c_proj", o, outputs: hiddenSize, hasBias: true, addingTo: hidden, isTransposed: true)
        let y = try builder.norm(prefix + "ln_2", h, norm)
        let inner = try builder.linear(prefix + "mlp.c_fc", y, outputs: intermediateSize, hasBias: true, isTransposed: true)
        return try builder.linear(
            prefix + "mlp.c_proj", builder.activated(inner, activation), outputs: hiddenSize, hasBias: true, addingTo: h,
            isTransposed: true)
    }
}
