import Graph

/// Qwen 2 and 2.5 (Yang et al. 2024, arXiv:2407.10671): Llama's layers with biases on queries, keys and values.
struct Qwen2Family: ModelFamily {
    let modelType = "qwen2"

    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        try Self.readWindow(&configuration, reader)
    }

    /// With `use_sliding_window` the layers from `max_window_layers` on slide.
    static func readWindow(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        guard try reader.flag("use_sliding_window") ?? false else { return }
        configuration.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28)
        let first = try reader.number("max_window_layers") ?? Double(configuration.layerCount)
        configuration.isSliding = (0..<configuration.layerCount).map { configuration.slidingWindow != nil && Double($0) >= first }
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try LlamaFamily.addStandardLayer(index, hidden, to: &builder, attentionBias: .inputs)
    }
}
