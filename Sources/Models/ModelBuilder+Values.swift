import Graph
import Quantization
import Tensors

/// What the pieces of a layer are computed from: inputs, weights and what is made of them once.
extension ModelBuilder {
    /// The persistent tensor of a rotary table: one row a position of each set of factors.
    static func tensor(of table: RotaryTable, positionCount: Int) -> PersistentTensor {
        PersistentTensor(
            key: table.key,
            type: TensorType(rows: table.settings.setCount * positionCount, columns: table.settings.width, .float32), kind: .constant)
    }

    /// Matrices start at normal numbers; projections back into the residual stream at smaller ones,
    /// by `sqrt(2 * layers)` (Radford et al. 2019, GPT-2).
    var normalValues: InitialValues { .normal(deviation: configuration.initializerRange) }
    var residualValues: InitialValues {
        .normal(deviation: configuration.initializerRange / Double(2 * configuration.layerCount).squareRoot())
    }

    mutating func keyRanges(isSliding: Bool) -> ValueID {
        if let known = ranges[isSliding] { return known }
        let type = TensorType(rows: tokenCount, columns: 2, .int32)
        let keys = graph.input(isSliding ? ModelInput.windowKeyRanges : ModelInput.keyRanges, type)
        if settings.generation == nil {
            let queries = graph.input(isSliding ? ModelInput.windowQueryRanges : ModelInput.queryRanges, type)
            graph.pair(keyRanges: keys, queryRanges: queries)
            queryRanges[isSliding] = queries
        }
        ranges[isSliding] = keys
        return keys
    }

    mutating func cached(_ rows: ValueID, _ key: String, _ places: ValueID, _ generation: GenerationShape) throws(GraphError)
        -> ValueID
    {
        let count = generation.pageCount * GenerationShape.pageRows
        let rows =
            graph.type(of: rows).elementType == generation.cacheType
            ? rows : try graph.add(Convert(to: generation.cacheType), [rows], names: ["cached"])[0]
        let type = TensorType(rows: count, columns: graph.type(of: rows).columns, generation.cacheType)
        let base = graph.persistent(PersistentTensor(key: key, type: type, kind: .cache))
        let filled = try graph.add(ScatterRows(rowCount: count, hasBase: true), [rows, places, base])[0]
        graph.store(filled, into: key)
        return filled
    }

    /// Embeddings with noise, where there is any.
    mutating func noisy(_ x: ValueID) throws(GraphError) -> ValueID {
        guard settings.embeddingNoise > 0 else { return x }
        let keys = keyRanges(isSliding: false)
        guard let queries = queryRanges[false] else { throw .undefinedValue(ModelInput.queryRanges) }
        let operation = EmbeddingNoise(alpha: Float(settings.embeddingNoise), stream: Self.noiseStream)
        let state = drawnState()
        return try graph.add(operation, [x, keys, queries, state], names: ["noisy"])[0]
    }

    /// No module's dropout has this number.
    private static let noiseStream = UInt32.max

    mutating func dropped(_ x: ValueID, stream: UInt32) throws(GraphError) -> ValueID {
        guard settings.dropout > 0 else { return x }
        let state = drawnState()
        return try graph.add(Dropout(rate: Float(settings.dropout), stream: stream), [x, state], names: ["dropped"])[0]
    }

    /// What random numbers begin with.
    private mutating func drawnState() -> ValueID {
        let state: ValueID
        if let known = randomState {
            state = known
        } else {
            state = graph.input(ModelInput.randomState, TensorType(rows: 1, columns: 4, .int32))
        }
        randomState = state
        return state
    }

    mutating func adapterMatrix(_ key: String) throws(GraphError) -> ValueID {
        guard let tensor = settings.trainables.tensor(of: key, .parameter) else { throw .undefinedValue(key) }
        return try inActivationType(graph.persistent(tensor), key)
    }

    /// A weight by its name: trained ones as the float32 original or its copy in the activations'
    /// type, frozen ones as they lie on the device.
    /// - Parameter isTransposed: whether the checkpoint stores it as `[columns, rows]`. Trained, it
    ///   has that shape in the graph too.
    mutating func weight(
        _ name: String, rows: Int, columns: Int, _ use: WeightUse, initial: InitialValues, isTransposed: Bool = false
    ) throws(GraphError) -> ValueID {
        declare(name, rows: rows, columns: columns, use, initial, isTransposed: isTransposed)
        if let tensor = settings.trained(name) {
            let value = graph.persistent(tensor)
            return use == .vector ? value : try inActivationType(value, name)
        }
        return frozen(name, rows: rows, columns: columns, use)
    }

    /// A weight as the checkpoint has it.
    mutating func frozen(_ name: String, rows: Int, columns: Int, _ use: WeightUse) -> ValueID {
        let type = TensorType(rows: rows, columns: columns, settings.frozenType(name, use))
        return graph.persistent(PersistentTensor(key: name, type: type, kind: .weight))
    }

    mutating func declare(
        _ name: String, rows: Int, columns: Int, _ use: WeightUse, _ initial: InitialValues, isTransposed: Bool = false
    ) {
        guard declared.insert(name).inserted else { return }
        let (rows, columns) = isTransposed ? (columns, rows) : (rows, columns)
        declarations.append(
            WeightDeclaration(
                name: name, rows: rows, columns: columns, isVector: use == .vector, isTransposed: isTransposed, initial: initial))
    }

    /// The row of each token's position: of rotary tables, and of learned positions.
    mutating func positionRows() -> ValueID {
        if let known = rotaryRows { return known }
        let rows = graph.input(ModelInput.rotaryRows, TensorType(rows: tokenCount, columns: 1, .int32))
        rotaryRows = rows
        return rows
    }

    /// The residual stream plus a learned vector for each position, rows of the named table
    /// `[positions, hidden]`.
    mutating func withPositions(_ x: ValueID, _ name: String) throws(GraphError) -> ValueID {
        let (table, format) = try self.table(name, rows: configuration.maximumPositions)
        var blocks: BlockFormat?
        if case .blocks(let form) = format { blocks = form }
        let source = settings.trained(name).map { graph.persistent($0) } ?? table
        let rows = positionRows()
        return try added(x, graph.add(Embedding(blocks: blocks), [source, rows], names: ["positions"])[0])
    }

    mutating func inActivationType(_ value: ValueID, _ key: String) throws(GraphError) -> ValueID {
        guard settings.activationType != .float32 else { return value }
        if let known = productWeights[key] { return known }
        // Made once, outside all layers, so that recomputing a layer does not convert again.
        let segment = graph.currentSegment
        graph.currentSegment = nil
        let converted = try graph.add(Convert(to: settings.activationType), [value], names: [Self.shortName(key)])[0]
        graph.currentSegment = segment
        productWeights[key] = converted
        return converted
    }

    /// The module that a tensor belongs to: its name without the last word.
    static func module(of tensor: String) -> String { tensor.split(separator: ".").dropLast().joined(separator: ".") }

    /// The last words of a name, for plans.
    static func shortName(_ name: String) -> String {
        let parts = name.split(separator: ".")
        return String(parts.last == "weight" ? parts.dropLast().last ?? "weight" : parts.last ?? "value")
    }
}
