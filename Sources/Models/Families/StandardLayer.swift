import Graph

/// The layer of Llama and of what descends from it: separate projections, a norm before attention
/// and one before a gated feed-forward layer.
struct StandardLayer: Sendable, Hashable {
    var norm: NormSettings
    var activation: ActivationFunction
    var intermediateSize: Int
    /// Biases of queries, keys and values, of the attention's output, of the feed-forward layer.
    var hasInputBias = false
    var hasOutputBias = false
    var hasFeedForwardBias: Bool
    /// One more score for each head (`self_attn.sinks`).
    var hasSinks = false
    /// An RMS norm on the queries and keys of each head before they are turned.
    var normalisesHeads = false
    /// What scores are multiplied by; nil: one over the square root of a head's width.
    var scoreScale: Double?
    /// Experts in the place of the feed-forward layer, in all layers but these.
    var experts: MixtureOfExperts?
    var denseLayers: Set<Int> = []
    /// What both halves of the layer are multiplied by before they are added to the residual
    /// stream.
    var residualScale = 1.0

    init(_ reader: ConfigurationReader) throws(ModelError) {
        norm = try .rootMeanSquare(reader)
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        activation = try reader.activation("hidden_act") ?? .silu
        hasFeedForwardBias = try reader.flag("mlp_bias") ?? false
    }

    /// Reads `attention_bias`: biases on all four projections.
    mutating func readAttentionBias(_ reader: ConfigurationReader) throws(ModelError) {
        hasInputBias = try reader.flag("attention_bias") ?? false
        hasOutputBias = hasInputBias
    }

    /// - Parameter rotates: whether queries and keys are turned by their positions.
    func add(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder, rotates: Bool = true) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let prefix = "model.layers.\(index)."
        let attention = prefix + "self_attn."
        let x = try builder.norm(prefix + "input_layernorm", hidden, norm)
        var q = try builder.linear(attention + "q_proj", x, outputs: builder.queryColumns, hasBias: hasInputBias)
        var k = try builder.linear(attention + "k_proj", x, outputs: builder.keyColumns, hasBias: hasInputBias)
        let v = try builder.linear(attention + "v_proj", x, outputs: builder.keyColumns, hasBias: hasInputBias)
        if normalisesHeads {
            q = try builder.norm(attention + "q_norm", q, norm, groupCount: configuration.headCount)
            k = try builder.norm(attention + "k_norm", k, norm, groupCount: configuration.keyValueHeadCount)
        }
        if rotates { (q, k) = (try builder.rotated(q), try builder.rotated(k)) }
        let sinks = hasSinks ? try builder.sinks(attention + "sinks") : nil
        let o = try builder.attention(layer: index, q: q, k: k, v: v, scale: scoreScale, sinks: sinks)
        let h = try builder.linear(
            attention + "o_proj", o, outputs: configuration.hiddenSize, hasBias: hasOutputBias, addingTo: hidden, scale: residualScale)
        let y = try builder.norm(prefix + "post_attention_layernorm", h, norm)
        if let experts, !denseLayers.contains(index) { return try experts.add(prefix, y, addingTo: h, to: &builder) }
        return try addFeedForward(prefix + "mlp.", y, addingTo: h, to: &builder)
    }

    /// `down(f(gate(y)) * up(y))`, added to the residual stream.
    private func addFeedForward(_ prefix: String, _ y: ValueID, addingTo h: ValueID, to builder: inout ModelBuilder) throws(GraphError)
        -> ValueID
    {
        let gate = try builder.linear(prefix + "gate_proj", y, outputs: intermediateSize, hasBias: hasFeedForwardBias)
        let up = try builder.linear(prefix + "up_proj", y, outputs: intermediateSize, hasBias: hasFeedForwardBias)
        let product = try builder.gated(gate, up, activation)
        return try builder.linear(
            prefix + "down_proj", product, outputs: builder.configuration.hiddenSize, hasBias: hasFeedForwardBias, addingTo: h,
            scale: residualScale)
    }
}
