package import Tensors

/// How far a student's next-token distributions are from a teacher's, for a chunk of rows of
/// logits, with the cross-entropy beside it and the gradient at once (Hinton, Vinyals, Dean 2015,
/// arXiv:1503.02531).
///
/// With `z` the student's logits and `w` the teacher's (each after `cap * tanh(logits / cap)` where
/// its cap is not 0), `n` the columns that both have, `q = softmax(z[:n] / T)` and
/// `p = softmax(w[:n] / T)`: `crossEntropy[r] = logSumExp(z) - z[target]`,
/// `divergence[r] = T² * sum(p * (log p - log q))`, the forward Kullback-Leibler divergence, and
/// `correct[r]` = 1 if the target is the largest of `z` (the first of equals). The gradient is that
/// of `(share * divergence + (1 - share) * crossEntropy) * lossScale` by the student's logits:
/// `(share * T * (q - p) + (1 - share) * (softmax(z) - onehot(target))) * lossScale`, times the
/// cap's derivative. A target of -1 gives zeros.
///
/// Inputs: `logits` `[r, vocabulary]`, `guide` `[r, teacher's vocabulary]`, `targets` `[r, 1]`
/// int32, `lossScale` `[1, 1]` float32. Outputs: `crossEntropy`, `divergence`, `correct` `[r, 1]`
/// float32 each, `gradient` as the logits, of `gradientType`.
package struct DistillationLoss: OperationWithoutGradient {
    package static let name = "DistillationLoss"
    package var temperature: Float
    /// The part of the divergence in the loss, 0 to 1.
    package var share: Float
    package var softCap: Float
    package var guideCap: Float
    package var gradientType: ElementType

    package init(temperature: Float, share: Float, softCap: Float = 0, guideCap: Float = 0, gradientType: ElementType) {
        (self.temperature, self.share) = (temperature, share)
        (self.softCap, self.guideCap) = (softCap, guideCap)
        self.gradientType = gradientType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4)
        let rows = inputs[0].rows
        try require(inputs[1].rows == rows, "the teacher has \(inputs[1]) for \(inputs[0])")
        try require(inputs[2].rows == rows && inputs[2].elementType == .int32, "targets are \(inputs[2]) for \(inputs[0])")
        let column = TensorType(rows: rows, columns: 1, .float32)
        return [column, column, column, TensorType(rows: rows, columns: inputs[0].columns, gradientType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 12 * Double(inputs[0].elementCount)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { [3: 0] }
    package var attributes: String {
        "temperature=\(temperature) share=\(share)" + (softCap == 0 ? "" : " softCap=\(softCap)")
            + (guideCap == 0 ? "" : " guideCap=\(guideCap)")
    }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init("t"), .init()], outputs: outputs.map { _ in .init("t") })
    }
}
