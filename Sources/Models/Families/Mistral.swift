import Graph

/// Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama's layers, every one with a sliding window
/// where `sliding_window` is set.
struct MistralFamily: ModelFamily {
    static let modelType = "mistral"
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        layer = try StandardLayer(reader)
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        model.slideEverywhere(try reader.optionalCount("sliding_window", limit: 1 << 28))
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }
}
