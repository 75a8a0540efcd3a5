import Graph

/// Gemma 2 (Gemma Team 2024, arXiv:2408.00118): norms before and after both halves of a layer;
/// capped scores and logits; every second layer with a sliding window; embeddings scaled by the
/// square root of their width.
struct Gemma2Family: ModelFamily {
    static let modelType = "gemma2"
    static let usualHeadWidth: Int? = 256
    static let tiesEmbeddingsByDefault = true
    let layer: GemmaLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        layer = try GemmaLayer(reader, &model)
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        model.isSliding = (0..<model.layerCount).map { $0 % 2 == 0 }
    }

    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try builder.embedded(tokens, names.embedding, scale: layer.embeddingScale)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder, normalisesHeads: false, table: builder.configuration.rotaryTables.first)
    }
}
