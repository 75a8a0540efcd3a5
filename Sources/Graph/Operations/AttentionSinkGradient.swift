import Tensors

/// The gradient of ``Attention`` for its sinks: `accumulator[h] -= sum over t of exp(sinks[h] -
/// logSumExp[t, h]) * delta[t, h]`. A sink takes a share of each row's softmax and gives nothing
/// for it; a row that sees no key has a delta of zero.
///
/// Inputs: `sinks` `[1, headCount]`, `logSumExp` and `delta` `[t, headCount]` float32 as of
/// ``AttentionBackward``, `accumulator` `[1, headCount]` float32. Output: the accumulator, in
/// place. The order of the sum is fixed.
package struct AttentionSinkGradient: OperationWithoutGradient {
    package static let name = "AttentionSinkGradient"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        let heads = inputs[0].columns
        try require(inputs[0].rows == 1 && inputs[0].elementType.isFloatingPoint, "sinks are \(inputs[0])")
        try require(
            inputs[1] == inputs[2] && inputs[1].columns == heads && inputs[1].elementType == .float32,
            "logSumExp \(inputs[1]) or delta \(inputs[2])")
        try require(inputs[3] == TensorType(rows: 1, columns: heads, .float32), "accumulator \(inputs[3]) does not fit \(inputs[0])")
        return [inputs[3]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 4 * Double(inputs[1].elementCount)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { [0: 3] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(
            inputs: [.init(), .init("t"), .init("t"), .init()], outputs: [.init()], reduced: ["t"], accumulatorInput: 3)
    }
}
