import Tensors

/// Softmax attention over keys and values that lie in pages of a cache, as generation computes it:
/// every row belongs to a sequence, and each sequence has its own pages.
///
/// Row `i` belongs to sequence `s = sequences[i]` and sees its positions `ranges[i, 0] ..<
/// ranges[i, 1]`; position `p` lies in row `pages[s, p / pageRows] * pageRows + p % pageRows` of
/// the cache. An empty range gives a row of zeros. Inputs: `q` `[t, headCount * headWidth]`, `keys`
/// and `values` `[rows, keyValueHeadCount * headWidth]` of one element type, which may be narrower
/// than that of `q`, `ranges` `[t, 2]`, `sequences` `[t, 1]`, `pages` `[s, n]`, all int32; with
/// sinks a seventh `sinks` `[1, headCount]` as of ``Attention``. Output: `o` as `q`.
///
/// Blocks of keys are those of the pages, so a row's sums run in an order that its positions alone
/// decide: neither the other rows nor where the pages lie change a bit of it.
package struct CachedAttention: OperationWithoutGradient {
    package static let name = "CachedAttention"
    package var shape: AttentionShape
    /// Positions of a page: a power of two, 16 at least.
    package var pageRows: Int
    package var hasSinks: Bool

    package init(_ shape: AttentionShape, pageRows: Int, hasSinks: Bool = false) {
        self.shape = shape
        self.pageRows = pageRows
        self.hasSinks = hasSinks
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasSinks ? 7 : 6)
        let (q, k, v, ranges) = (inputs[0], inputs[1], inputs[2], inputs[3])
        let (sequences, pages) = (inputs[4], inputs[5])
        try require(pageRows >= 16 && pageRows & (pageRows - 1) == 0, "pages have \(pageRows) rows, no power of two of at least 16")
        try require(q.columns == shape.headCount * shape.headWidth, "q is \(q), not \(shape.headCount) heads of \(shape.headWidth)")
        try require(k == v && k.columns == shape.keyValueHeadCount * shape.headWidth, "k is \(k) and v \(v)")
        try require(k.elementType.isFloatingPoint && q.elementType.isFloatingPoint, "operands are not floating point")
        try require(shape.keyValueHeadCount > 0 && shape.headCount % shape.keyValueHeadCount == 0, "heads do not divide into groups")
        try require(ranges.rows == q.rows && ranges.columns == 2 && ranges.elementType == .int32, "ranges are \(ranges)")
        try require(sequences.rows == q.rows && sequences.columns == 1 && sequences.elementType == .int32, "sequences are \(sequences)")
        try require(pages.elementType == .int32, "pages are \(pages)")
        if hasSinks { try require(shape.fits(sinks: inputs[6]), "sinks are \(inputs[6])") }
        return [q]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        let pairs = Double(inputs[0].rows) * Double(inputs[5].columns) * Double(pageRows) / 2
        cost.floatingPointOperations = pairs * Double(shape.headCount) * (4 * Double(shape.headWidth) + 6)
        return cost
    }

    package var attributes: String { shape.attributes + " pageRows=\(pageRows)" + (hasSinks ? " sinks" : "") }

    /// Rows may be cut; every piece needs all keys, values and pages.
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let whole = hasSinks ? 2 : 1
        return Partition(
            inputs: [.init("t"), .init(), .init(), .init("t"), .init("t")] + Array(repeating: .init(), count: whole),
            outputs: [.init("t")])
    }
}
