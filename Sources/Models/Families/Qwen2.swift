import Graph
import JSON

/// Qwen 2 and 2.5 (Yang et al. 2024, arXiv:2407.10671): Llama's layers with biases on queries, keys
/// and values.
struct Qwen2Family: ModelFamily {
    static let modelType = "qwen2"
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        layer.hasInputBias = true
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        try Self.readWindow(&model, reader)
    }

    /// With `use_sliding_window` the layers from `max_window_layers` on slide.
    static func readWindow(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        guard let window = try window(reader) else { return }
        let first = try reader.number("max_window_layers") ?? 28
        model.slidingWindow = window
        model.isSliding = (0..<model.layerCount).map { Double($0) >= first }
    }

    /// The window, where `use_sliding_window` asks for one.
    static func window(_ reader: ConfigurationReader) throws(ModelError) -> Int? {
        guard try reader.flag("use_sliding_window") ?? false else { return nil }
        return try reader.optionalCount("sliding_window", limit: 1 << 28) ?? (reader.node["sliding_window"] == nil ? 4096 : nil)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }
}
