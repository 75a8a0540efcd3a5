import Graph
import Quantization
import Tensors

/// Adds a model's forward pass to a graph, one standard piece at a time; families call it with the
/// checkpoint's names next to the maths.
///
/// The residual stream is float32; what feeds a product is in the activations' element type. The
/// first pass over a model is made with a recorder of names and shapes: that is how the list of
/// weights and linear layers is known.
struct ModelBuilder {
    /// What decides how a weight appears in the graph.
    struct Settings {
        var activationType: ElementType = .float32
        /// The element type in which a frozen weight lies on the device.
        var frozenType: (_ name: String, _ use: WeightUse) -> ElementType = { _, _ in .float32 }
        /// The format of few bits in which a frozen weight lies on the device; nil: numbers.
        var weightFormat: (_ name: String) -> WeightFormat? = { _ in nil }
        /// The trained tensors: model weights in full training, adapter matrices otherwise.
        var trainables = TrainableLayout([])
        /// Adapters by the module they sit on.
        var adapters: [String: AdapterModule] = [:]
        /// The keys of tensors that an adapter has whole, by the model's names.
        var copyKeys: [String: String] = [:]
        /// Whether a tied head follows the adapter's copy of the embedding.
        var keepsTies = false
        var dropout: Double = 0
        /// The strength of noise on embeddings; 0: none.
        var embeddingNoise: Double = 0
        /// Whether it is counted how tokens spread over experts.
        var countsBalance = false
        /// Whether squares of what weights are multiplied by are summed.
        var countsSquares = false
        /// The head in place of the one over the vocabulary, with its key.
        var taskHead: (head: TaskHead, key: String)?
        /// Rows of the rotary table for one set of factors.
        var positionCount: Int
        /// The cache and the adapters of generation, in which sums are exact by rows; nil in
        /// training.
        var generation: GenerationShape?
        var isRowExact: Bool { generation != nil }

        /// The trained tensor in the place of one of the model's; nil where that is frozen.
        func trained(_ name: String) -> PersistentTensor? { trainables.tensor(of: copyKeys[name] ?? name, .parameter) }
    }
    enum WeightUse {
        /// The right factor of a product.
        case product
        /// A norm's weight or a bias.
        case vector
    }
    /// A weight of the checkpoint as the family asks for it.
    struct WeightDeclaration {
        var name: String
        var rows: Int
        var columns: Int
        var isVector: Bool
        /// Whether this is `[inputs, outputs]`, the other way round than a product takes it.
        /// Frozen, it lies turned on the device; trained, it stays as it is.
        var isTransposed = false
        /// What training from nothing begins with.
        var initial: InitialValues

        /// As the checkpoint has it.
        var shape: [Int] { isVector ? [columns] : [rows, columns] }
    }

    let configuration: ModelConfiguration
    let family: any ModelFamily
    let settings: Settings
    let tokenCount: Int
    var graph: Graph
    var declarations: [WeightDeclaration] = []
    var declared: Set<String> = []
    var linearModules: [LinearModule] = []
    var stacks: [ExpertStack] = []
    /// How tokens spread over experts, in the layers so far.
    var routerBalance: ValueID?
    /// Sums of squares, with the values that are squared and where rows of experts begin.
    var squareSums: [(factor: ValueID, offsets: ValueID?, sum: SquareSum)] = []
    var productWeights: [String: ValueID] = [:]
    var ranges: [Bool: ValueID] = [:]
    var queryRanges: [Bool: ValueID] = [:]
    var rotaryRows: ValueID?
    var randomState: ValueID?
    var cacheInputs: (rows: ValueID, sequences: ValueID, pages: ValueID)?
    private var routes: ValueID?

    init(_ configuration: ModelConfiguration, _ family: any ModelFamily, _ settings: Settings, tokenCount: Int, graph: Graph) {
        self.configuration = configuration
        self.family = family
        self.settings = settings
        self.tokenCount = tokenCount
        self.graph = graph
    }

    // MARK: The whole model

    /// Embedding, layers, final norm.
    mutating func forward() throws(GraphError) -> ForwardPass {
        let tokens = graph.input(ModelInput.tokens, TensorType(rows: tokenCount, columns: 1, .int32))
        var hidden = try family.addEmbedding(tokens, to: &self)
        hidden = try noisy(hidden)
        for layer in 0..<configuration.layerCount {
            graph.currentSegment = layer
            hidden = try family.addLayer(layer, hidden, to: &self)
        }
        graph.currentSegment = nil
        let normalised = try norm(family.names.finalNorm, hidden, family.norm)
        if let (head, key) = settings.taskHead {
            var pass = try taskHead(head, key, normalised)
            pass.routerBalance = routerBalance
            return pass
        }
        let names = family.names
        // A tied head is the embedding, unless an adapter has a copy of either, and lets go of it.
        let isTied = configuration.tiesEmbeddings && settings.copyKeys[names.head] == nil
        let headName = isTied ? names.embedding : names.head
        let isLeftBehind = isTied && settings.copyKeys[names.embedding] != nil && !settings.keepsTies
        let (head, headFormat) = try table(headName, isLeftBehind: isLeftBehind)
        let trainedHead = isLeftBehind ? nil : settings.trained(headName)
        let biasName = family.names.headBias
        let bias = try biasName.map { name throws(GraphError) in
            try weight(name, rows: 1, columns: configuration.vocabularySize, .vector, initial: .constant(0))
        }
        var pass = ForwardPass(
            // Logits are a product of these states: scaling one scales the other.
            hidden: try scaled(normalised, by: family.logitScale), headWeight: head, trainedHeadKey: trainedHead?.key,
            headBias: bias, trainedHeadBiasKey: biasName.flatMap { settings.trained($0)?.key },
            softCap: Float(configuration.finalSoftCap), isRowExact: settings.isRowExact)
        pass.routerBalance = routerBalance
        try countSquares(of: pass.hidden, for: [headName])
        pass.squareSums = squareSums.map(\.sum)
        if let headFormat {
            let product = QuantizedProduct(
                headFormat, outputs: configuration.vocabularySize, inputs: configuration.hiddenSize, isRowExact: settings.isRowExact)
            pass.quantizedHead = (head, product)
        } else if settings.generation?.quantizesHead == true, trainedHead == nil {
            let product = QuantizedProduct(.q8, outputs: configuration.vocabularySize, inputs: configuration.hiddenSize, isRowExact: true)
            let words = PersistentTensor(
                key: GenerationShape.keyOfHead, type: product.weightType, kind: .cache, isReadInParts: true)
            pass.quantizedHead = (graph.persistent(words), product)
        }
        return pass
    }

    // MARK: What is in front of the layers

    /// Rows of the named table `[vocabulary, hidden]`, times a factor, float32.
    mutating func embedded(_ tokens: ValueID, _ name: String, scale: Double = 1) throws(GraphError) -> ValueID {
        let (table, format) = try table(name)
        var blocks: BlockFormat?
        if case .blocks(let form) = format { blocks = form }
        // Trained embeddings are looked up in the float32 original: converting the whole table for
        // a few rows would be waste.
        let source = settings.trained(name).map { graph.persistent($0) } ?? table
        let y = try graph.add(Embedding(scale: Float(scale), blocks: blocks), [source, tokens], names: ["embedded"])[0]
        guard let adapter = settings.adapters[Self.module(of: name)],
            let a = settings.trainables.tensor(of: adapter.keyOfA, .parameter)
        else { return y }
        // What the adapter adds is a row of its A for each token, times B.
        let u = try graph.add(
            Embedding(outputType: settings.activationType), [graph.persistent(a), tokens], names: ["embedded.lora_A"])[0]
        let product = MatrixProduct(
            transposesB: true, scale: Float(adapter.scale * scale), hasAddend: true, outputType: .float32, isRowExact: settings.isRowExact)
        return try graph.add(product, [u, adapterMatrix(adapter.keyOfB), y], names: ["embedded"])[0]
    }

    /// A frozen or trained matrix `[rows, hidden]`, and the form in which a frozen one of few bits
    /// lies.
    /// - Parameters:
    ///   - rows: nil: those of the vocabulary.
    ///   - isLeftBehind: whether it is the frozen one, though an adapter has a copy of it.
    mutating func table(
        _ name: String, rows: Int? = nil, isLeftBehind: Bool = false
    ) throws(GraphError) -> (value: ValueID, format: WeightFormat?) {
        let (rows, columns) = (rows ?? configuration.vocabularySize, configuration.hiddenSize)
        if let format = settings.weightFormat(name), isLeftBehind || settings.trained(name) == nil {
            declare(name, rows: rows, columns: columns, .product, normalValues)
            let type = QuantizedProduct(format, outputs: rows, inputs: columns).weightType
            return (graph.persistent(PersistentTensor(key: name, type: type, kind: .weight, isReadInParts: true)), format)
        }
        if isLeftBehind { return (frozen(name, rows: rows, columns: columns, .product), nil) }
        return (try weight(name, rows: rows, columns: columns, .product, initial: normalValues), nil)
    }

    private mutating func taskHead(_ head: TaskHead, _ key: String, _ normalised: ValueID) throws(GraphError) -> ForwardPass {
        let trained = settings.trainables.tensor(of: key, .parameter)
        let frozen = PersistentTensor(
            key: key, type: TensorType(rows: head.outputs, columns: configuration.hiddenSize, .float32), kind: .weight)
        let weight = try inActivationType(graph.persistent(trained ?? frozen), key)
        return ForwardPass(hidden: normalised, headWeight: weight, trainedHeadKey: trained == nil ? nil : key, softCap: 0)
    }

    // MARK: Pieces of a layer

    /// Columns of all queries, and of all keys or all values.
    var queryColumns: Int { configuration.headCount * configuration.headWidth }
    var keyColumns: Int { configuration.keyValueHeadCount * configuration.headWidth }

    /// A norm by the weights of a module. With `groupCount` heads side by side each is normalised
    /// alone, where the kind of norm allows it.
    mutating func norm(
        _ module: String, _ x: ValueID, _ norm: NormSettings, groupCount: Int = 1, isResidual: Bool = false
    ) throws(GraphError) -> ValueID {
        let columns = graph.type(of: x).columns / groupCount
        let outputType = isResidual ? .float32 : settings.activationType
        let name = Self.shortName(module)
        switch norm.kind {
        case .rootMeanSquare(let weightOffset):
            let weight = try weight(module + ".weight", rows: 1, columns: columns, .vector, initial: .constant(1 - weightOffset))
            let operation = RMSNorm(
                epsilon: Float(norm.epsilon), weightOffset: weightOffset, groupCount: groupCount, outputType: outputType,
                isRowExact: settings.isRowExact)
            return try graph.add(operation, [x, weight], names: [name, "inverse RMS"])[0]
        case .layer:
            let weight = try weight(module + ".weight", rows: 1, columns: columns, .vector, initial: .constant(1))
            let bias = try self.weight(module + ".bias", rows: 1, columns: columns, .vector, initial: .constant(0))
            let operation = LayerNorm(epsilon: Float(norm.epsilon), outputType: outputType, isRowExact: settings.isRowExact)
            return try graph.add(operation, [x, weight, bias], names: [name, "statistics"])[0]
        }
    }

    /// `x Wᵀ`, plus a bias, plus the residual stream that it is added to, plus what an adapter on
    /// this module adds.
    /// - Parameters:
    ///   - scale: what everything but the residual stream is multiplied by.
    ///   - writesResidual: whether the result goes into the residual stream, also where it is not
    ///     added to it right here.
    ///   - isTransposed: whether the checkpoint stores the weight as `[inputs, outputs]`.
    mutating func linear(
        _ module: String, _ x: ValueID, outputs: Int, hasBias: Bool = false, addingTo residual: ValueID? = nil, scale: Double = 1,
        writesResidual: Bool? = nil, isTransposed: Bool = false
    ) throws(GraphError) -> ValueID {
        if let residual, scale != 1 || settings.adapters[module]?.hasMagnitude == true {
            let y = try linear(module, x, outputs: outputs, hasBias: hasBias, writesResidual: true, isTransposed: isTransposed)
            return try added(residual, scaled(y, by: scale))
        }
        let inputs = graph.type(of: x).columns
        linearModules.append(LinearModule(name: module, inputs: inputs, outputs: outputs, isTransposed: isTransposed))
        try countSquares(of: x, for: [module + ".weight"])
        let outputType = residual == nil ? settings.activationType : .float32
        let name = Self.shortName(module)
        let key = module + ".weight"
        let initial = writesResidual ?? (residual != nil) ? residualValues : normalValues
        let isTrained = settings.trained(key) != nil
        var operation: any Operation = MatrixProduct(
            transposesB: !(isTransposed && isTrained), hasAddend: residual != nil, outputType: outputType, isRowExact: settings.isRowExact)
        let weight: ValueID
        if let format = settings.weightFormat(key), !isTrained {
            declare(key, rows: outputs, columns: inputs, .product, initial, isTransposed: isTransposed)
            let product = QuantizedProduct(
                format, outputs: outputs, inputs: inputs, hasAddend: residual != nil, outputType: outputType,
                isRowExact: settings.isRowExact)
            operation = product
            weight = graph.persistent(
                PersistentTensor(key: key, type: product.weightType, kind: .weight, isReadInParts: true))
        } else {
            weight = try self.weight(key, rows: outputs, columns: inputs, .product, initial: initial, isTransposed: isTransposed)
        }
        var y = try graph.add(operation, [x, weight] + (residual.map { [$0] } ?? []), names: [name])[0]
        if let adapter = settings.adapters[module], adapter.hasMagnitude {
            y = try withMagnitude(adapter, name, x, y, weight)
        }
        if hasBias {
            let bias = try self.weight(module + ".bias", rows: 1, columns: outputs, .vector, initial: .constant(0))
            y = try graph.add(BiasAdd(), [y, bias], names: [name])[0]
        }
        if let adapters = settings.generation?.adapters, adapters.modules.contains(module) {
            return try routed(module, name, x, y, adapters)
        }
        guard let adapter = settings.adapters[module], !adapter.hasMagnitude else { return y }
        return try adapted(adapter, name, x, y, drops: true)
    }

    /// `y` plus what an adapter makes of an input, of which dropout may take a share first.
    mutating func adapted(
        _ adapter: AdapterModule, _ name: String, _ x: ValueID, _ y: ValueID, drops: Bool
    ) throws(GraphError) -> ValueID {
        let a = try adapterMatrix(adapter.keyOfA)
        let b = try adapterMatrix(adapter.keyOfB)
        let input = drops ? try dropped(x, stream: adapter.stream) : x
        let u = try graph.add(
            MatrixProduct(transposesB: true, outputType: settings.activationType, isRowExact: settings.isRowExact), [input, a],
            names: [name + ".lora_A"])[0]
        let product = MatrixProduct(
            transposesB: true, scale: Float(adapter.scale), hasAddend: true, outputType: graph.type(of: y).elementType,
            isRowExact: settings.isRowExact)
        let sum = try graph.add(product, [u, b, y], names: [name])[0]
        return adapter.hasTwin ? try withoutTwin(adapter, name, x, sum) : sum
    }

    /// `y` without what an adapter began as, which is a part of the base.
    private mutating func withoutTwin(_ adapter: AdapterModule, _ name: String, _ x: ValueID, _ y: ValueID) throws(GraphError) -> ValueID {
        let (rank, module, type) = (adapter.rank, adapter.module, settings.activationType)
        let a = graph.persistent(
            PersistentTensor(key: adapter.keyOfTwinA, type: TensorType(rows: rank, columns: module.inputs, type), kind: .constant))
        let b = graph.persistent(
            PersistentTensor(key: adapter.keyOfTwinB, type: TensorType(rows: module.outputs, columns: rank, type), kind: .constant))
        let u = try graph.add(
            MatrixProduct(transposesB: true, outputType: type, isRowExact: settings.isRowExact), [x, a], names: [name + ".twin_A"])[0]
        let product = MatrixProduct(
            transposesB: true, scale: -Float(adapter.scale), hasAddend: true, outputType: graph.type(of: y).elementType,
            isRowExact: settings.isRowExact)
        return try graph.add(product, [u, b, y], names: [name])[0]
    }

    /// What each row's own adapter adds; its scale is in its B.
    private mutating func routed(
        _ module: String, _ name: String, _ x: ValueID, _ y: ValueID, _ adapters: GenerationShape.Adapters
    ) throws(GraphError) -> ValueID {
        let (inputs, outputs) = (graph.type(of: x).columns, graph.type(of: y).columns)
        let a = PersistentTensor(
            key: GenerationShape.Adapters.keyOfA(module), type: TensorType(rows: adapters.count * adapters.rank, columns: inputs, .float32),
            kind: .cache)
        let b = PersistentTensor(
            key: GenerationShape.Adapters.keyOfB(module),
            type: TensorType(rows: adapters.count * outputs, columns: adapters.rank, .float32), kind: .cache)
        let routes = self.routes ?? graph.input(ModelInput.adapterRoutes, TensorType(rows: tokenCount, columns: 1, .int32))
        self.routes = routes
        let u = try graph.add(
            RoutedProduct(outputs: adapters.rank), [x, graph.persistent(a), routes], names: [name + ".lora_A"])[0]
        let product = RoutedProduct(outputs: outputs, hasAddend: true, outputType: graph.type(of: y).elementType)
        return try graph.add(product, [u, graph.persistent(b), routes, y], names: [name])[0]
    }

    mutating func split(_ x: ValueID, widths: [Int]) throws(GraphError) -> [ValueID] { try graph.add(SplitColumns(widths: widths), [x]) }

    /// Matrices side by side.
    mutating func joined(_ parts: [ValueID]) throws(GraphError) -> ValueID { try graph.add(ConcatenateColumns(), parts)[0] }

    /// The residual stream in the activations' element type, where no norm stands between it and a
    /// product.
    mutating func asActivations(_ x: ValueID) throws(GraphError) -> ValueID {
        graph.type(of: x).elementType == settings.activationType
            ? x : try graph.add(Convert(to: settings.activationType), [x], names: ["hidden"])[0]
    }

    mutating func added(_ a: ValueID, _ b: ValueID) throws(GraphError) -> ValueID { try graph.add(Add(), [a, b])[0] }

    mutating func scaled(_ x: ValueID, by factor: Double) throws(GraphError) -> ValueID {
        factor == 1 ? x : try graph.add(Scale(by: Float(factor)), [x])[0]
    }

    /// - Parameter clamped: the gate in the place of one by the function.
    mutating func gated(
        _ gate: ValueID, _ up: ValueID, _ function: ActivationFunction, clamped: ClampedGateShape? = nil
    ) throws(GraphError) -> ValueID {
        if let clamped { return try graph.add(ClampedGate(clamped), [gate, up], names: ["gated"])[0] }
        return try graph.add(GatedActivation(function), [gate, up], names: ["gated"])[0]
    }

    mutating func activated(_ x: ValueID, _ function: ActivationFunction) throws(GraphError) -> ValueID {
        try graph.add(Activation(function), [x], names: ["activated"])[0]
    }
}
