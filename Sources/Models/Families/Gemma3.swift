import Graph

/// The text model of Gemma 3 (Gemma Team 2025, arXiv:2503.19786): Gemma 2's layers without caps,
/// with norms on the queries and keys of each head; five of six layers slide over a short window
/// and turn by a table of their own.
struct Gemma3Family: ModelFamily {
    static let modelType = "gemma3_text"
    static let usualHeadWidth: Int? = 256
    static let tiesEmbeddingsByDefault = true
    let layer: GemmaLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        if try reader.flag("use_bidirectional_attention") ?? false {
            throw reader.failure("use_bidirectional_attention", "is not supported: every token would see those behind it")
        }
        layer = try GemmaLayer(reader, &model)
        let tables = try reader.rotaryByLayerType(for: model, ["full_attention", "sliding_attention"])
        if tables.count == 2 {
            model.rotaryTables = [RotaryTable(tables[0]), RotaryTable(tables[1], name: "local")]
        } else {
            let base = try reader.positive("rope_local_base_freq") ?? 10_000
            model.rotaryTables = [
                RotaryTable(try reader.rotary(for: model, defaultBase: 1e6)),
                RotaryTable(RotarySettings(base: base, width: model.headWidth, scaling: .none), name: "local"),
            ]
        }
        guard model.rotaryTables.allSatisfy({ $0.settings.setCount == 1 }) else {
            throw reader.failure("rope_scaling", "longrope is not supported for this architecture")
        }
        let older = try reader.optionalCount("sliding_window_pattern", limit: 1 << 10)
        let interval = try reader.optionalCount("_sliding_window_pattern", limit: 1 << 10) ?? older ?? 6
        model.isSliding = (0..<model.layerCount).map { ($0 + 1) % interval != 0 }
    }

    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try builder.embedded(tokens, names.embedding, scale: layer.embeddingScale)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let table = configuration.isSliding[index] ? configuration.rotaryTables.last : configuration.rotaryTables.first
        return try layer.add(index, hidden, to: &builder, normalisesHeads: true, table: table)
    }
}
