import Tensors

/// For each row and head the product of output and output gradient, which the backward pass of
/// attention needs: `delta[t, h] = sum over head h of dO * O`.
///
/// Inputs: `dO` and `O` `[t, headCount * headWidth]`. Output: `[t, headCount]` float32.
package struct AttentionDelta: OperationWithoutGradient {
    package static let name = "AttentionDelta"
    package var headCount: Int

    package init(headCount: Int) { self.headCount = headCount }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "operands \(inputs) differ")
        try require(headCount > 0 && inputs[0].columns % headCount == 0, "\(inputs[0]) does not divide into \(headCount) heads")
        return [TensorType(rows: inputs[0].rows, columns: headCount, .float32)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 2 * Double(inputs[0].elementCount)
        return cost
    }
    package var attributes: String { "heads=\(headCount)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { .byRows(inputs: inputs, outputs: outputs) }
}
