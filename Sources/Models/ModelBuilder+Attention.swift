import Graph
import Tensors

extension ModelBuilder {
    /// One more score for each head, by the tensor's name.
    mutating func sinks(_ name: String) throws(GraphError) -> ValueID {
        try weight(name, rows: 1, columns: configuration.headCount, .vector, initial: normalValues)
    }

    /// Heads turned by their tokens' positions.
    /// - Parameters:
    ///   - table: the angles; nil: the model's first table.
    ///   - isInterleaved: whether neighbouring columns are pairs, instead of those half a turned
    ///     width apart.
    mutating func rotated(_ x: ValueID, by table: RotaryTable? = nil, isInterleaved: Bool = false) throws(GraphError) -> ValueID {
        guard let table = table ?? configuration.rotaryTables.first else { throw .undefinedValue("rotary table") }
        let rows = positionRows()
        let angles = graph.persistent(Self.tensor(of: table, positionCount: settings.positionCount))
        let operation = RotaryEmbedding(headWidth: configuration.headWidth, isInterleaved: isInterleaved)
        return try graph.add(operation, [x, angles, rows], names: ["rotated"])[0]
    }

    /// Where rows go in the cache, whose they are, and where the pages of each sequence lie.
    mutating func cachePlaces(_ generation: GenerationShape) -> (rows: ValueID, sequences: ValueID, pages: ValueID) {
        if let known = cacheInputs { return known }
        let pages = TensorType(rows: generation.sequenceCount, columns: generation.pagesPerSequence, .int32)
        let inputs = (
            rows: graph.input(ModelInput.cacheRows, TensorType(rows: tokenCount, columns: 1, .int32)),
            sequences: graph.input(ModelInput.sequences, TensorType(rows: tokenCount, columns: 1, .int32)),
            pages: graph.input(ModelInput.pages, pages)
        )
        cacheInputs = inputs
        return inputs
    }

    /// Attention of a layer over this program's tokens, or over the cache where there is one.
    /// - Parameters:
    ///   - scale: what scores are multiplied by; nil: one over the square root of a head's width.
    ///   - softCap: the cap of scores; 0: none.
    ///   - sinks: one more score for each head, `[1, heads]`.
    mutating func attention(
        layer: Int, q: ValueID, k: ValueID, v: ValueID, scale: Double? = nil, softCap: Double = 0, sinks: ValueID? = nil
    ) throws(GraphError) -> ValueID {
        let shape = AttentionShape(
            headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount, headWidth: configuration.headWidth,
            scale: Float(scale ?? 1 / Double(configuration.headWidth).squareRoot()), softCap: Float(softCap))
        let ranges = keyRanges(isSliding: configuration.isSliding[layer])
        if let generation = settings.generation {
            let inputs = cachePlaces(generation)
            let keys = try cached(k, "cache/\(layer)/keys", inputs.rows, generation)
            let values = try cached(v, "cache/\(layer)/values", inputs.rows, generation)
            let operation = CachedAttention(shape, pageRows: GenerationShape.pageRows, hasSinks: sinks != nil)
            let operands = [q, keys, values, ranges, inputs.sequences, inputs.pages] + (sinks.map { [$0] } ?? [])
            return try graph.add(operation, operands, names: ["attended"])[0]
        }
        let operands = [q, k, v, ranges] + (sinks.map { [$0] } ?? [])
        return try graph.add(Attention(shape, hasSinks: sinks != nil), operands, names: ["attended", "log-sum-exp"])[0]
    }
}
