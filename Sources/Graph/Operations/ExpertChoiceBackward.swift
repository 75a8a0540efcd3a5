import Tensors

/// The gradient of ``ExpertChoice`` for its logits.
///
/// Inputs: the gradient of the weights, the weights `[t, count]` float32, `experts` `[t, count]`
/// int32, `logits` `[t, experts]` float32. Output: as the logits. A weight that is a share `p[a]`
/// of a softmax over a set gives `dlogits[j] = p[a] * (1 if j is a, else 0 - p[j])` for each `j` of
/// the set.
package struct ExpertChoiceBackward: OperationWithoutGradient {
    package static let name = "ExpertChoiceBackward"
    package var weighting: ExpertWeighting

    package init(_ weighting: ExpertWeighting) { self.weighting = weighting }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(
            inputs[0] == inputs[1] && inputs[0].elementType == .float32 && inputs[3].elementType == .float32
                && inputs[2] == TensorType(rows: inputs[0].rows, columns: inputs[0].columns, .int32) && inputs[3].rows == inputs[0].rows
                && inputs[0].columns <= min(inputs[3].columns, ExpertChoice.countLimit) && inputs[3].columns <= ExpertChoice.expertLimit,
            "operands are \(inputs)")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(4, inputs, outputs) }
    package var attributes: String { "\(weighting)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: Array(repeating: .init("t"), count: 4), outputs: [.init("t")])
    }
}
