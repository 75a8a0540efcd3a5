import Graph

/// Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama's layers, every one with a sliding window where `sliding_window` is set.
struct MistralFamily: ModelFamily {
    let modelType = "mistral"

    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        configuration.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28)
        configuration.isSliding = Array(repeating: configuration.slidingWindow != nil, count: configuration.layerCount)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try LlamaFamily.addStandardLayer(index, hidden, to: &builder, attentionBias: .none)
    }
}
