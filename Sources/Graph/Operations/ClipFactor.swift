import Tensors

/// The global norm of the gradients and the factor that clips it: `norm = sqrt(sum of partial
/// sums)`, `factor = min(1, maximumNorm / (norm + 1e-6))`.
///
/// The 1e-6 is PyTorch's (`torch.nn.utils.clip_grad_norm_`). A `maximumNorm` of 0 clips nothing.
/// Input: `sums` `[n, 1]` float32, sums of squares. Output: `[1, 2]` float32: norm, factor.
package struct ClipFactor: OperationWithoutGradient {
    package static let name = "ClipFactor"
    package var maximumNorm: Float

    package init(maximumNorm: Float) { self.maximumNorm = maximumNorm }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        try require(inputs[0].columns == 1, "sums are \(inputs[0]), not [n, 1]")
        return [TensorType(rows: 1, columns: 2, .float32)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(2, inputs, outputs) }
    package var attributes: String { "maximumNorm=\(maximumNorm)" }
}
