import Graph
import Tensors

/// A model architecture: what its config.json says beside the sizes of every model, where its
/// tensors stand, and how its forward pass is computed.
///
/// A family is one file and one value, whose stored properties are the family's own configuration.
/// `docs/adding-a-model-family.md` says how to write one.
protocol ModelFamily: Sendable, Hashable {
    /// The `model_type` of its checkpoints.
    static var modelType: String { get }
    /// What its config.json calls the sizes that every model has.
    static var sizeKeys: SizeKeys { get }
    static var tiesEmbeddingsByDefault: Bool { get }
    /// Columns of a head where config.json does not say it; nil: the heads together are as wide as
    /// the model.
    static var usualHeadWidth: Int? { get }
    /// Whether `layer_types` of its config.json says which layers slide.
    static var readsLayerTypes: Bool { get }
    /// What its tensors' names may lack at their beginning, where the model was saved without its
    /// head.
    static var optionalPrefix: String? { get }
    /// The methods of `quantization_config` whose weights are read as they are.
    static var readableQuantizations: Set<String> { get }

    /// Reads what only this family has; what others must know of it (windows, positions, a cap of
    /// the logits) goes into `model`.
    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError)

    /// Where its embedding, final norm and head stand.
    var names: ModelNames { get }
    /// The norm of the hidden states before the head.
    var norm: NormSettings { get }
    /// What logits over the vocabulary are multiplied by.
    var logitScale: Double { get }

    /// Adds what the first layer takes: the residual stream `[t, hidden]` float32 of `tokens`
    /// `[t, 1]`.
    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID
    /// The weights under the names and in the shapes that the layers ask for, where a checkpoint
    /// may have them otherwise.
    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint
    /// The tensors that checkpoints have of several that the layers ask for: what is written has
    /// them so.
    func joined(of model: ModelConfiguration) -> [JoinedTensor]
    /// Adds layer `index` to the graph: takes and returns the residual stream.
    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID
}

extension ModelFamily {
    static var sizeKeys: SizeKeys { SizeKeys() }
    static var tiesEmbeddingsByDefault: Bool { false }
    static var usualHeadWidth: Int? { nil }
    static var readsLayerTypes: Bool { true }
    static var optionalPrefix: String? { nil }
    static var readableQuantizations: Set<String> { [] }
    var names: ModelNames { ModelNames() }
    var logitScale: Double { 1 }
    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint { weights }
    func joined(of model: ModelConfiguration) -> [JoinedTensor] { [] }

    func addEmbedding(_ tokens: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try builder.embedded(tokens, names.embedding)
    }
}

/// The names of the tensors outside of the layers, as most families have them.
struct ModelNames: Sendable, Hashable {
    /// The embedding's weight `[vocabulary, hidden]`.
    var embedding = "model.embed_tokens.weight"
    /// The module of the last norm.
    var finalNorm = "model.norm"
    /// The head's weight `[vocabulary, hidden]`, where it is not the embedding's.
    var head = "lm_head.weight"
    /// The head's bias `[vocabulary]`, where it has one.
    var headBias: String?
    /// What transformers 5 calls the head's module, where checkpoints have another name: PEFT
    /// compares with it, and leaves out without a word what it does not find.
    var headAlias: String?
}

/// The keys of the sizes that every model has, as most families spell them.
struct SizeKeys: Sendable, Hashable {
    var hiddenSize = "hidden_size"
    var layerCount = "num_hidden_layers"
    var headCount = "num_attention_heads"
    var maximumPositions = "max_position_embeddings"
}

/// The architectures that are known.
package enum ModelFamilies {
    static let all: [any ModelFamily.Type] = [
        LlamaFamily.self,
        MistralFamily.self,
        MixtralFamily.self,
        Phi3Family.self,
        PhiMoEFamily.self,
        Qwen2Family.self,
        Qwen3Family.self,
        Qwen3MoEFamily.self,
        Gemma2Family.self,
        Gemma3Family.self,
        GLM4Family.self,
        GPT2Family.self,
        GPTNeoXFamily.self,
        GPTOSSFamily.self,
        GraniteFamily.self,
        LFM2Family.self,
        OLMo2Family.self,
        PhiFamily.self,
        SmolLM3Family.self,
        StarCoder2Family.self,
    ]

    package static var modelTypes: [String] { all.map { $0.modelType } }

    static func family(for modelType: String) -> (any ModelFamily.Type)? { all.first { $0.modelType == modelType } }
}

/// A family's value, comparable with another family's.
struct FamilyBox: Sendable, Hashable {
    let family: any ModelFamily

    init(_ family: any ModelFamily) { self.family = family }

    static func == (left: FamilyBox, right: FamilyBox) -> Bool { AnyHashable(left.family) == AnyHashable(right.family) }

    func hash(into hasher: inout Hasher) { family.hash(into: &hasher) }
}
