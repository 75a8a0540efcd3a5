import Graph
import Tensors

/// Layers that mix neighbouring tokens without attention.
extension ModelBuilder {
    mutating func multiplied(_ a: ValueID, _ b: ValueID) throws(GraphError) -> ValueID {
        try graph.add(Multiply(), [a, b], names: ["product"])[0]
    }

    /// A causal convolution of each column with its own taps, over this program's tokens, or over
    /// the cache where there is one.
    mutating func convolved(
        layer: Int, _ module: String, _ x: ValueID, taps: Int, hasBias: Bool = false
    ) throws(GraphError) -> ValueID {
        let columns = graph.type(of: x).columns
        let weight = try weight(module + ".weight", rows: columns, columns: taps, .product, initial: normalValues)
        let ranges = keyRanges(isSliding: false)
        var y: ValueID
        if let generation = settings.generation {
            let inputs = cachePlaces(generation)
            let rows = try cached(x, "cache/\(layer)/convolution", inputs.rows, generation)
            let operation = CachedConvolution(pageRows: GenerationShape.pageRows, outputType: graph.type(of: x).elementType)
            y = try graph.add(operation, [rows, weight, ranges, inputs.sequences, inputs.pages], names: ["convolved"])[0]
        } else {
            y = try graph.add(ShortConvolution(), [x, weight, ranges], names: ["convolved"])[0]
        }
        if hasBias {
            let bias = try self.weight(module + ".bias", rows: 1, columns: columns, .vector, initial: .constant(0))
            y = try graph.add(BiasAdd(), [y, bias], names: ["convolved"])[0]
        }
        return y
    }
}
