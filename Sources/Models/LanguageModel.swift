package import Manifest
package import Graph
package import Tensors

/// A model that can be trained, evaluated and sampled: its graph, what is trained of it, and where
/// its numbers come from.
package final class LanguageModel {
    /// What the weights are before training.
    package enum Source {
        /// Read from a checkpoint folder.
        case checkpoint(Checkpoint)
        /// Random numbers by this seed: for training from nothing, and for benchmarks.
        case random(seed: UInt64)
    }
    /// What is trained.
    package enum Training: Sendable, Hashable {
        case nothing
        /// Every weight of the model.
        case full
        case adapter(AdapterSettings, seed: UInt64)
    }
    /// How tensors are stored on the device.
    package struct Precision: Sendable {
        package var activationType: ElementType
        /// Weights in these types may be multiplied with float32 activations as they are.
        package var mixableTypes: Set<ElementType>
        /// How frozen weights lie on the device.
        package var baseWeights: BaseWeights

        package init(
            activationType: ElementType = .float32, mixableTypes: Set<ElementType> = [], baseWeights: BaseWeights = .stored
        ) {
            self.activationType = activationType
            self.mixableTypes = mixableTypes
            self.baseWeights = baseWeights
        }
    }

    package let configuration: ModelConfiguration
    package let source: Source
    package let training: Training
    package let trainables: TrainableLayout
    /// The linear layers, and the embedding behind them.
    package let linearModules: [LinearModule]
    package let adapters: [AdapterModule]
    /// What of the model the adapter has whole.
    package let copies: [AdapterCopy]
    /// The keys of these by the model's names.
    let copyKeys: [String: String]
    package let precision: Precision
    package let rotaryRows: RotaryRows
    /// The head of a task in place of the one over the vocabulary; trained wherever anything is.
    package let head: TaskHead?
    /// The strength of noise on embeddings in training (NEFTune); 0: none.
    package let embeddingNoise: Double
    let family: any ModelFamily
    let declarations: [ModelBuilder.WeightDeclaration]
    /// Where each name stands among them.
    let declarationPlaces: [String: Int]
    let initialAdapter: [String: AdapterFolder.Matrix]
    /// The initial adapter's copies, by their keys.
    let initialCopies: [String: StoredTensor]
    /// Its magnitudes, by their keys.
    let initialMagnitudes: [String: StoredTensor]
    /// The head that the initial adapter has.
    let initialHead: StoredTensor?
    let linearWeights: Set<String>
    /// The matrices of experts that lie together, and which of them each weight belongs to.
    let stacks: [ExpertStack]
    let stackPlaces: [String: ExpertStack.Place]

    /// Checks the checkpoint against the configuration and decides what is trained.
    ///
    /// - Parameters:
    ///   - maximumLength: tokens of the longest example, which sizes the rotary table.
    ///   - head: of a task; nil: the model's own, over the vocabulary.
    ///   - decaysAll: weight decay on every trained tensor; otherwise on matrices only.
    ///   - embeddingNoise: the strength of noise on embeddings in training; 0: none.
    ///   - adapterRateRatio: the learning rate of an adapter's B over that of A (LoRA+, Hayou et
    ///     al. 2024, arXiv:2402.12354).
    ///   - pageByteLimit: what one page of trained tensors may take.
    ///   - laneCount: of the job: the pages of a whole model are so small that as many processes
    ///     can divide them evenly, unless one tensor is larger.
    /// - Throws: ``ModelError`` naming the tensor or setting.
    package init(
        _ configuration: ModelConfiguration, source: Source, training: Training, precision: Precision = Precision(), maximumLength: Int,
        head: TaskHead? = nil, decaysAll: Bool = false, embeddingNoise: Double = 0, adapterRateRatio: Double = 1,
        pageByteLimit: Int = 64 << 20, laneCount: Int = 1
    ) throws {
        self.configuration = configuration
        self.source = source
        self.training = training
        self.embeddingNoise = embeddingNoise
        self.precision = precision
        rotaryRows = RotaryRows(
            positionCount: max(1, maximumLength), originalPositionCount: configuration.rotaryTables.first?.settings.originalPositions)
        self.head = head
        let headParameter = head.map {
            TrainableLayout.Parameter(
                key: $0.key(training), rows: $0.outputs, columns: configuration.hiddenSize, isDecayed: true, isHiddenMatrix: false)
        }
        try precision.check(training)
        if let limit = configuration.rotaryTables.compactMap(\.settings.longestExample).min(), maximumLength > limit {
            throw ModelError(
                file: "config.json", field: "rope_scaling.type",
                "dynamic scaling is computed for at most max_position_embeddings (\(limit)) tokens, but \(maximumLength) are wanted: "
                    + "lower max_length (or --max-tokens) to that")
        }
        if let limit = configuration.learnedPositionCount, maximumLength > limit {
            throw ModelError(
                file: "config.json", field: "n_positions",
                "the model has learned \(limit) positions, but \(maximumLength) are wanted: lower max_length (or --max-tokens) to that")
        }
        let recorder = try Self.recorder(configuration, head.map { ($0, $0.key(training)) })
        family = recorder.family
        declarations = recorder.declarations
        declarationPlaces = Dictionary(recorder.declarations.enumerated().map { ($1.name, $0) }) { first, _ in first }
        let adaptable = Self.adaptedModules(recorder)
        linearModules = adaptable
        let linears = Set(recorder.linearModules.map { $0.name + ".weight" })
        linearWeights = linears
        stacks = recorder.stacks
        let experts = ExpertStack.places(in: recorder.stacks)
        stackPlaces = experts
        if case .checkpoint(let checkpoint) = source {
            try Self.check(recorder.declarations, against: checkpoint, joined: configuration.joinedTensors)
            try ExpertStack.check(recorder.stacks, against: checkpoint)
        }
        switch training {
        case .nothing:
            (adapters, copies, initialAdapter, initialHead, trainables) = ([], [], [:], nil, TrainableLayout([]))
            (initialCopies, initialMagnitudes) = ([:], [:])
        case .full:
            (adapters, copies, initialAdapter, initialHead) = ([], [], [:], nil)
            (initialCopies, initialMagnitudes) = ([:], [:])
            let parameters =
                recorder.declarations.map { declaration -> TrainableLayout.Parameter in
                    .init(
                        key: declaration.name, rows: declaration.rows, columns: declaration.columns,
                        isDecayed: decaysAll || !declaration.isVector,
                        isHiddenMatrix: linears.contains(declaration.name) && experts[declaration.name] == nil,
                        isVector: declaration.isVector)
                } + (headParameter.map { [$0] } ?? [])
            trainables = TrainableLayout(
                parameters, stacks: recorder.stacks.map { TrainableLayout.Stack(key: $0.key, members: $0.tensorNames) },
                pageByteLimit: TrainableLayout.pageByteLimit(pageByteLimit, for: parameters, laneCount: laneCount))
        case .adapter(let settings, _):
            let modules = try settings.modules(on: adaptable)
            adapters = modules
            let copies = try settings.copies(
                of: recorder.declarations, modules, configuration, hasVocabularyHead: head == nil)
            self.copies = copies
            try ExpertStack.check(recorder.stacks, modules, copies)
            let folder = try settings.initialFolder.map { try AdapterFolder($0) }
            if case .checkpoint(let checkpoint) = source { try folder?.requireBase(checkpoint) }
            initialAdapter = try folder.map { try $0.matrices(for: modules, on: adaptable) } ?? [:]
            initialCopies = try folder?.tensors(for: copies, second: Self.secondCopy(settings, configuration)) ?? [:]
            initialMagnitudes = try folder?.magnitudes(for: modules) ?? [:]
            initialHead = try folder?.head(for: head, hiddenSize: configuration.hiddenSize)
            trainables = TrainableLayout(
                modules.flatMap { adapter -> [TrainableLayout.Parameter] in
                    let magnitude = TrainableLayout.Parameter(
                        key: adapter.keyOfMagnitude, rows: 1, columns: adapter.module.outputs, isDecayed: decaysAll, isHiddenMatrix: false,
                        rateFactor: adapterRateRatio, isVector: true)
                    return [
                        Self.parameterOfA(adapter),
                        TrainableLayout.Parameter(
                            key: adapter.keyOfB, rows: adapter.module.outputs, columns: adapter.rank, isDecayed: true,
                            isHiddenMatrix: !adapter.module.isExpert, rateFactor: adapterRateRatio),
                    ] + (adapter.hasMagnitude ? [magnitude] : [])
                }
                    + copies.map {
                        // LoRA+ counts vectors as it counts B.
                        TrainableLayout.Parameter(
                            key: $0.key, rows: $0.rows, columns: $0.columns, isDecayed: decaysAll || !$0.isVector,
                            isHiddenMatrix: linears.contains($0.name), rateFactor: $0.isVector ? adapterRateRatio : 1, isVector: $0.isVector
                        )
                    } + (headParameter.map { [$0] } ?? []),
                stacks: ExpertStack.adapterStacks(recorder.stacks, modules), pageByteLimit: pageByteLimit)
        }
        copyKeys = Dictionary(copies.map { ($0.name, $0.key) }) { first, _ in first }
        try checkPackedAreFrozen()
    }

    /// Of an embedding the matrix lies turned: a row a token.
    private static func parameterOfA(_ adapter: AdapterModule) -> TrainableLayout.Parameter {
        let (rank, inputs, isTurned) = (adapter.rank, adapter.module.inputs, adapter.module.isEmbedding)
        return TrainableLayout.Parameter(
            key: adapter.keyOfA, rows: isTurned ? inputs : rank, columns: isTurned ? rank : inputs, isDecayed: true,
            isHiddenMatrix: !adapter.module.isExpert, isTurned: isTurned)
    }

    /// The trained tensor that stands for one of the model's; nil where it is frozen.
    package func trainedKey(of name: String) -> String? {
        let key = copyKeys[name] ?? name
        return trainables.tensor(of: key, .parameter) == nil ? nil : key
    }

    /// Whether the graph reads the checkpoint's own numbers of a tensor: a head that is tied to the
    /// embedding stays what it was where the adapter has a copy of that.
    func isFrozen(_ name: String) -> Bool {
        if trainedKey(of: name) == nil { return true }
        return isUntied && head == nil && name == family.names.embedding && copyKeys[family.names.head] == nil
    }

    /// Whether embedding and head are two by what the adapter copies, though the model ties them.
    package var isUntied: Bool {
        if case .adapter(let settings, _) = training { head == nil && settings.unties(configuration, adapters) } else { false }
    }

    /// Embedding and head, where the adapter's copy of the one is the other's too.
    package var keptTie: (embedding: String, head: String)? {
        guard case .adapter(let settings, _) = training, head == nil else { return nil }
        return Self.keptTie(settings, configuration)
    }

    /// A saved tensor that stands in the adapter's file a second time, and its other name there: a
    /// head that is tied to it, or what transformers 5 calls the head.
    package var secondCopy: (of: String, name: String)? {
        guard case .adapter(let settings, _) = training, head == nil else { return nil }
        return Self.secondCopy(settings, configuration)
    }

    private static func secondCopy(_ settings: AdapterSettings, _ configuration: ModelConfiguration) -> (of: String, name: String)? {
        if let tie = keptTie(settings, configuration) { return (tie.embedding, tie.head) }
        guard let names = configuration.family?.family.names, let alias = names.headAlias, settings.savesHead(names) else { return nil }
        return (names.head, alias + ".weight")
    }

    /// The names of saved modules by which every version of PEFT and transformers finds them.
    package func savedNames(_ settings: AdapterSettings) -> [String] {
        guard let alias = family.names.headAlias, head == nil, settings.savesHead(family.names), keptTie == nil else {
            return settings.savedModules
        }
        let names = [ModelBuilder.module(of: family.names.head), alias]
        return settings.savedModules + names.filter { !settings.savedModules.contains($0) }
    }

    private static func keptTie(_ settings: AdapterSettings, _ configuration: ModelConfiguration) -> (embedding: String, head: String)? {
        guard settings.keepsTies, configuration.tiesEmbeddings else { return nil }
        return configuration.family.map { ($0.family.names.embedding, $0.family.names.head) }
    }

    /// The head over the vocabulary as a checkpoint calls it.
    package var vocabularyHeadName: String { family.names.head }
    package var embeddingName: String { family.names.embedding }
    /// Nil where the head over the vocabulary has no bias.
    package var headBiasName: String? { family.names.headBias }

    /// The names and shapes of a model come from building it once for one token.
    private static func recorder(_ configuration: ModelConfiguration, _ head: (TaskHead, String)? = nil) throws -> ModelBuilder {
        guard let family = configuration.family?.family else {
            throw ModelError(file: "config.json", field: "model_type", "unknown architecture \"\(configuration.modelType)\"")
        }
        var settings = ModelBuilder.Settings(positionCount: 1)
        settings.taskHead = head
        var recorder = ModelBuilder(configuration, family, settings, tokenCount: 1, graph: Graph())
        _ = try recorder.forward()
        return recorder
    }

    /// The linear layers that a model of this configuration has, in their order, and its embedding
    /// behind them: what an adapter may sit on.
    package static func linearModules(of configuration: ModelConfiguration) throws -> [LinearModule] {
        try adaptedModules(recorder(configuration))
    }

    private static func adaptedModules(_ recorder: ModelBuilder) -> [LinearModule] {
        let embedding = LinearModule(
            name: ModelBuilder.module(of: recorder.family.names.embedding), inputs: recorder.configuration.vocabularySize,
            outputs: recorder.configuration.hiddenSize, isTransposed: true, isEmbedding: true)
        return recorder.linearModules + [embedding]
    }

    /// The tensors that checkpoints have of several of the model's.
    package var joinedTensors: [JoinedTensor] { configuration.joinedTensors }

    /// The weights of a checkpoint of this family under the names that the model has.
    package func separated(_ weights: Checkpoint) -> Checkpoint { family.separated(weights, of: configuration) }

    /// The tensors of the head over the vocabulary, without the embedding where it is tied to it.
    package var vocabularyHeadNames: [String] {
        [family.names.head, family.names.headBias].compactMap { $0 }.filter { $0 != family.names.embedding }
    }

    /// Whether training draws random numbers.
    package var usesRandomNumbers: Bool { dropout > 0 || embeddingNoise > 0 }

    private var dropout: Double {
        if case .adapter(let settings, _) = training { settings.dropout } else { 0 }
    }

    /// Adds the forward pass of `tokenCount` packed tokens to a graph, from the inputs named in
    /// ``ModelInput`` to the normalised hidden states.
    /// - Parameters:
    ///   - isTraining: whether dropout is applied.
    ///   - generation: with a shape, keys and values go into a cache of pages, over which attention
    ///     runs, and no bit of a row depends on the others.
    ///   - countsSquares: whether squares of what weights are multiplied by are summed.
    package func addForward(
        to graph: inout Graph, tokenCount: Int, isTraining: Bool, generation: GenerationShape? = nil, countsSquares: Bool = false
    ) throws(GraphError) -> ForwardPass {
        var settings = ModelBuilder.Settings(positionCount: rotaryRows.positionCount)
        settings.activationType = precision.activationType
        settings.frozenType = { [self] name, use in frozenType(name, use) }
        settings.weightFormat = { [self] name in weightFormat(name) }
        settings.trainables = trainables
        settings.adapters = Dictionary(adapters.map { ($0.module.name, $0) }) { first, _ in first }
        settings.copyKeys = copyKeys
        settings.keepsTies = keptTie != nil
        settings.dropout = isTraining ? dropout : 0
        settings.embeddingNoise = isTraining ? embeddingNoise : 0
        settings.countsBalance = isTraining && configuration.routerLoss != nil
        settings.countsSquares = countsSquares
        settings.generation = generation
        settings.taskHead = head.map { ($0, $0.key(training)) }
        var builder = ModelBuilder(configuration, family, settings, tokenCount: tokenCount, graph: graph)
        let pass = try builder.forward()
        graph = builder.graph
        return pass
    }
}
