import Graph

/// Granite 3 (Granite Team 2024): Llama's layers with four multipliers: of embeddings, of attention
/// scores, of what is added to the residual stream, and of logits, which are divided.
struct GraniteFamily: ModelFamily {
    static let modelType = "granite"
    let layer: StandardLayer
    let embeddingScale: Double
    let logitScale: Double
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        try layer.readAttentionBias(reader)
        layer.scoreScale = try reader.positive("attention_multiplier") ?? 1
        layer.residualScale = try reader.positive("residual_multiplier") ?? 1
        self.layer = layer
        embeddingScale = try reader.positive("embedding_multiplier") ?? 1
        logitScale = 1 / (try reader.positive("logits_scaling") ?? 1)
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
    }

    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try builder.embedded(tokens, names.embedding, scale: embeddingScale)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }
}
