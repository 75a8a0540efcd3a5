import Tensors

/// The gradients of ``ExpertWeights``: `dx[p, :] = weights[t, j] * dy[p, :]` and `dweights[t, j] =
/// dy[p, :] · x[p, :]` with `p = places[t, j]`.
///
/// Inputs: `dy`, `x` `[t * count, n]` of one type, `weights` `[t, count]` float32, `places` `[t,
/// count]` int32. Outputs: `dx` as `x`, `dweights` as `weights`.
package struct ExpertWeightsBackward: OperationWithoutGradient {
    package static let name = "ExpertWeightsBackward"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        try require(inputs[0] == inputs[1] && inputs[0].elementType.isFloatingPoint, "dy and x are \(inputs)")
        try require(
            inputs[2].elementType == .float32 && inputs[2].elementCount == inputs[0].rows
                && inputs[3] == TensorType(rows: inputs[2].rows, columns: inputs[2].columns, .int32),
            "weights and places are \(inputs.dropFirst(2)) for \(inputs[0])")
        return [inputs[1], inputs[2]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(3, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
}
