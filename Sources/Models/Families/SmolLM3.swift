import Graph

/// SmolLM3 (Bakouch et al. 2025): Llama's layers, some of them without rotary positions (Yang et
/// al. 2025, arXiv:2501.18795).
struct SmolLM3Family: ModelFamily {
    static let modelType = "smollm3"
    static let tiesEmbeddingsByDefault = true
    let layer: StandardLayer
    /// For each layer whether queries and keys are turned by their positions.
    let rotates: [Bool]
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        try layer.readAttentionBias(reader)
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultBase: 2e6))]
        if let flags = try reader.flags("no_rope_layers", count: model.layerCount) {
            // In spite of its name a 1 means a layer with rotary positions.
            rotates = flags
        } else {
            let interval = try reader.optionalCount("no_rope_layer_interval", limit: 1 << 10) ?? 4
            rotates = (0..<model.layerCount).map { ($0 + 1) % interval != 0 }
        }
        guard try reader.flag("use_sliding_window") ?? false else { return }
        let window = try reader.optionalCount("sliding_window", limit: 1 << 28)
        model.slidingWindow = window
        model.isSliding = rotates.map { window != nil && !$0 }
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder, rotates: rotates[index])
    }
}
