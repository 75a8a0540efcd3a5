import Tensors

/// The gradients of ``Attention`` with respect to queries, keys and values (Dao et al. 2022,
/// arXiv:2205.14135, algorithm 4).
///
/// With `p = exp(score - logSumExp)`, `dP = dO · vᵀ`, `dS = p * (dP - delta)` (times the derivative
/// of the cap): `dq = scale * dS · k`, `dk = scale * dSᵀ · q`, `dv = pᵀ · dO`; key and value
/// gradients sum over the query heads of their group. Inputs: `q`, `k`, `v`, `dO` (as `q`),
/// `logSumExp` `[t, headCount]`, `delta` `[t, headCount]`, `keyRanges` `[t, 2]`, `queryRanges` `[s,
/// 2]`: the rows of the queries that see a key, first and one past the last. Outputs: `dq` as `q`,
/// `dk` as `k`, `dv` as `v`. A key that no query sees gets zeros. The order of all sums is fixed,
/// whatever the number of threads.
package struct AttentionBackward: OperationWithoutGradient {
    package static let name = "AttentionBackward"
    package var shape: AttentionShape

    package init(_ shape: AttentionShape) { self.shape = shape }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 8)
        try require(inputs[3] == inputs[0], "dO is \(inputs[3]), q \(inputs[0])")
        try require(
            inputs[4].columns == shape.headCount && inputs[5].columns == shape.headCount, "logSumExp \(inputs[4]) or delta \(inputs[5])")
        try require(inputs[7].rows == inputs[1].rows && inputs[7].columns == 2, "query ranges are \(inputs[7])")
        return [inputs[0], inputs[1], inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        cost(inputs: inputs, outputs: outputs, visiblePairs: Double(inputs[0].rows) * Double(inputs[1].rows) / 2)
    }

    package func cost(inputs: [TensorType], outputs: [TensorType], visiblePairs: Double) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = visiblePairs * Double(shape.headCount) * (10 * Double(shape.headWidth) + 10)
        return cost
    }

    package var attributes: String { shape.attributes }
}
