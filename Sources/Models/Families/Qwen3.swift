import Graph

/// Qwen 3 (Yang et al. 2025, arXiv:2505.09388): no biases, and an RMS norm on the queries and keys
/// of each head before they are rotated.
struct Qwen3Family: ModelFamily {
    static let modelType = "qwen3"
    static let usualHeadWidth: Int? = 128
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        try layer.readAttentionBias(reader)
        layer.normalisesHeads = true
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        try Qwen2Family.readWindow(&model, reader)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }
}
