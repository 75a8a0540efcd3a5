import Tensors

/// The shape of an attention layer: heads, widths, and how scores are treated.
package struct AttentionShape: Sendable, Hashable {
    package var headCount: Int
    /// Heads of keys and values; query head `h` uses key/value head `h / (headCount /
    /// keyValueHeadCount)`.
    package var keyValueHeadCount: Int
    package var headWidth: Int
    /// Scores are multiplied by this, usually `1 / sqrt(headWidth)`.
    package var scale: Float
    /// Where not 0, scores become `softCap * tanh(score / softCap)` (Gemma 2).
    package var softCap: Float

    package init(headCount: Int, keyValueHeadCount: Int, headWidth: Int, scale: Float, softCap: Float = 0) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headWidth = headWidth
        self.scale = scale
        self.softCap = softCap
    }

    /// Whether there is one sink for each head.
    func fits(sinks: TensorType) -> Bool { sinks.rows == 1 && sinks.columns == headCount && sinks.elementType.isFloatingPoint }

    var attributes: String {
        "heads=\(headCount)/\(keyValueHeadCount) headWidth=\(headWidth) scale=\(scale)" + (softCap == 0 ? "" : " softCap=\(softCap)")
    }
}

/// Softmax attention without a score matrix (Dao et al. 2022, arXiv:2205.14135): scores exist only
/// block by block.
///
/// Query `i` sees the keys of rows `keyRanges[i, 0] ..< keyRanges[i, 1]`: causality, the borders of
/// packed examples and a sliding window are all in these ranges, which the host fills in. An empty
/// range gives a row of zeros and a log-sum-exp of zero. Inputs: `q` `[t, headCount * headWidth]`,
/// `k` and `v` `[s, keyValueHeadCount * headWidth]` of one element type, `keyRanges` `[t, 2]`
/// int32. Outputs: `o` as `q`, `logSumExp` `[t, headCount]` float32: the natural logarithm of the
/// sum of the exponentials of the (scaled, capped) scores.
///
/// With sinks (Xiao et al. 2023, arXiv:2309.17453, as GPT-OSS has them) a fifth input `sinks` `[1,
/// headCount]` of any floating type holds one more score for each head: it takes its share of the
/// softmax, is in `logSumExp`, and brings no value. A row with an empty range stays one of zeros.
package struct Attention: Operation {
    package static let name = "Attention"
    package var shape: AttentionShape
    package var hasSinks: Bool

    package init(_ shape: AttentionShape, hasSinks: Bool = false) {
        self.shape = shape
        self.hasSinks = hasSinks
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasSinks ? 5 : 4)
        let (q, k, v, ranges) = (inputs[0], inputs[1], inputs[2], inputs[3])
        try require(q.columns == shape.headCount * shape.headWidth, "q is \(q), not \(shape.headCount) heads of \(shape.headWidth)")
        try require(k == v && k.columns == shape.keyValueHeadCount * shape.headWidth, "k is \(k) and v \(v)")
        try require(shape.keyValueHeadCount > 0 && shape.headCount % shape.keyValueHeadCount == 0, "heads do not divide into groups")
        try require(ranges.rows == q.rows && ranges.columns == 2 && ranges.elementType == .int32, "key ranges are \(ranges)")
        try require(q.elementType == k.elementType, "q and k have different element types")
        if hasSinks { try require(shape.fits(sinks: inputs[4]), "sinks are \(inputs[4])") }
        return [q, TensorType(rows: q.rows, columns: shape.headCount, .float32)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        cost(inputs: inputs, outputs: outputs, visiblePairs: Double(inputs[0].rows) * Double(inputs[1].rows) / 2)
    }

    package func cost(inputs: [TensorType], outputs: [TensorType], visiblePairs: Double) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = visiblePairs * Double(shape.headCount) * (4 * Double(shape.headWidth) + 6)
        return cost
    }

    package var attributes: String { shape.attributes + (hasSinks ? " sinks" : "") }

    /// Queries may be cut; every piece needs all keys and values, which therefore must fit one
    /// buffer.
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(
            inputs: [.init("t"), .init(), .init(), .init("t")] + (hasSinks ? [.init()] : []), outputs: [.init("t"), .init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let saved = node.inputs.prefix(3).map { context.saved($0) }
        let (output, logSumExp) = (context.saved(node.outputs[0]), context.saved(node.outputs[1]))
        let keyRanges = node.inputs[3]
        guard let queryRanges = context.queryRanges(for: keyRanges) else {
            throw .notDifferentiable(operation: "Attention without query ranges")
        }
        let delta = try context.add(AttentionDelta(headCount: shape.headCount), [gradient, output])[0]
        let operands = saved + [gradient, logSumExp, delta, keyRanges, queryRanges]
        let gradients = try context.add(AttentionBackward(shape), Array(operands))
        for (input, gradient) in zip(node.inputs, gradients) { try context.contribute(to: input, gradient) }
        guard hasSinks, context.needsGradient(node.inputs[4]) else { return }
        let sinks = context.saved(node.inputs[4])
        try context.contribute(to: node.inputs[4]) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "Attention with computed sinks") }
            return try context.add(AttentionSinkGradient(), [sinks, logSumExp, delta, addend])[0]
        }
    }
}
