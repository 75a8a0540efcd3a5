import Graph

/// A model architecture: how its config.json is read and how one of its layers is computed.
///
/// A family is one file; `docs/adding-a-model-family.md` says how to write one.
protocol ModelFamily: Sendable {
    /// The `model_type` of its checkpoints.
    var modelType: String { get }
    /// Where the activation's name stands if not in `hidden_act`.
    var activationKey: String { get }
    var tiesEmbeddingsByDefault: Bool { get }
    /// Reads what only this family has.
    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError)
    /// What embedded tokens are multiplied by.
    func embeddingScale(_ configuration: ModelConfiguration) -> Double
    /// What stored norm weights are added to.
    var normWeightOffset: Float { get }
    /// Adds layer `index` to the graph: takes and returns the residual stream `[t, hidden]` float32.
    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID
}

extension ModelFamily {
    var activationKey: String { "hidden_act" }
    var tiesEmbeddingsByDefault: Bool { false }
    var normWeightOffset: Float { 0 }
    func refine(_ configuration: inout ModelConfiguration, _ reader: ConfigurationReader) throws(ModelError) {}
    func embeddingScale(_ configuration: ModelConfiguration) -> Double { 1 }
}

/// The architectures that are known.
package enum ModelFamilies {
    static let all: [any ModelFamily] = [LlamaFamily(), MistralFamily(), Phi3Family(), Qwen2Family(), Qwen3Family(), Gemma2Family()]

    package static var modelTypes: [String] { all.map(\.modelType) }

    static func family(for modelType: String) -> (any ModelFamily)? { all.first { $0.modelType == modelType } }
}
