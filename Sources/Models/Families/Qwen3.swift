import Graph

/// Qwen 3 (Yang et al. 2025, arXiv:2505.09388): no biases, and an RMS norm on the queries and keys of each head before they are rotated.
struct Qwen3Family: ModelFamily {
    let modelType = "qwen3"

    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {
        try Qwen2Family.readWindow(&configuration, reader)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try LlamaFamily.addStandardLayer(
            index, hidden, to: &builder, attentionBias: builder.configuration.hasAttentionBias ? .all : .none,
            normalisesQueriesAndKeys: true)
    }
}
