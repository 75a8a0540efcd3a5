import Tensors

/// The gradient of ``RouterBalance`` for its logits: with `p` the softmax of a row and `g` the
/// gradient of the sums of shares, `dlogits[t, e] = p[e] * (g[e] - sum over j of g[j] p[j])`; zeros
/// for rows that see no key.
///
/// Inputs: `gradient` `[2, experts]` float32, of which the second row is `g`, `logits` `[t,
/// experts]` float32, `keyRanges` `[t, 2]` int32. Output: as the logits.
package struct RouterBalanceBackward: OperationWithoutGradient {
    package static let name = "RouterBalanceBackward"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(
            inputs[0] == TensorType(rows: 2, columns: inputs[1].columns, .float32) && inputs[1].elementType == .float32
                && inputs[2] == TensorType(rows: inputs[1].rows, columns: 2, .int32),
            "operands are \(inputs)")
        return [inputs[1]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(6, inputs, outputs) }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init(), .init("t"), .init("t")], outputs: [.init("t")])
    }
}
