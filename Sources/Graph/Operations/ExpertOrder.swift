import Tensors

/// The places of tokens' rows when they are sorted by expert: those of an expert side by side, in
/// the order of tokens and, of one token, of its choices.
///
/// Input: `experts` `[t, count]` int32, each from 0 to `expertCount - 1`. Outputs: `places` `[t,
/// count]` int32, all of `0 ..< t * count`; `offsets` `[expertCount + 1, 1]` int32: the first place
/// of each expert, and one past the last. The sort is a count: it is stable, and the same however
/// many threads make it.
package struct ExpertOrder: OperationWithoutGradient {
    package static let name = "ExpertOrder"
    package var expertCount: Int

    package init(expertCount: Int) { self.expertCount = expertCount }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        try require(inputs[0].elementType == .int32, "experts are \(inputs[0]), not int32")
        try require((1...ExpertChoice.expertLimit).contains(expertCount), "\(expertCount) experts")
        return [inputs[0], TensorType(rows: expertCount + 1, columns: 1, .int32)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(0, inputs, outputs) }
    package var attributes: String { "experts=\(expertCount)" }
}
