import Graph

/// Llama 2 and 3 (Touvron et al. 2023, arXiv:2307.09288; Grattafiori et al. 2024,
/// arXiv:2407.21783).
struct LlamaFamily: ModelFamily {
    static let modelType = "llama"
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        try layer.readAttentionBias(reader)
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }
}
