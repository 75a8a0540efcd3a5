import Tensors

/// The loss of unevenly used experts (Fedus et al. 2021, arXiv:2101.03961, equations 4 to 6), as
/// transformers counts it over all layers together: `loss = coefficient * experts * sum over e of
/// f[e] * P[e]`, where `f[e]` are the choices of expert `e` for each row and `P[e]` is the mean of
/// its shares. Evenly used experts give the coefficient times the experts of a token.
///
/// Inputs: the sums of ``RouterBalance`` `[2, experts]` float32, `scale` `[1, 1]` float32. Outputs:
/// `loss` `[1, 1]` float32 without the scale, and `gradient` `[2, experts]` float32 of the loss
/// times the scale: zeros for the choices, which count as constants. Without rows all is zero.
package struct RouterLoss: OperationWithoutGradient {
    package static let name = "RouterLoss"
    package var coefficient: Float
    /// Experts of a token.
    package var count: Int

    package init(coefficient: Float, count: Int) { (self.coefficient, self.count) = (coefficient, count) }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(
            inputs[0].rows == 2 && inputs[0].elementType == .float32 && inputs[1] == TensorType(rows: 1, columns: 1, .float32) && count > 0,
            "operands are \(inputs)")
        return [TensorType(rows: 1, columns: 1, .float32), inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(4, inputs, outputs) }
    package var attributes: String { "coefficient=\(coefficient) count=\(count)" }
}
