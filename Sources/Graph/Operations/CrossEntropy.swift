package import Tensors

/// Cross-entropy of a chunk of rows of logits, their accuracy, and the gradient at once.
///
/// With `z` the logits (after `softCap * tanh(logits / softCap)` where the cap is not 0): `loss[r]
/// = logSumExp(z[r]) - z[r, target]`, `correct[r]` = 1 if the target is the largest (the first of
/// equals), `gradient = (softmax(z) - onehot(target)) * lossScale`, times the cap's derivative. A
/// target of -1 gives loss 0, correct 0 and a row of zeros. Inputs: `logits` `[r, vocabulary]`,
/// `targets` `[r, 1]` int32, `lossScale` `[1, 1]` float32. Outputs: `loss` `[r, 1]` float32,
/// `correct` `[r, 1]` float32 and, with `gradientType`, `gradient` as the logits, of that element
/// type.
///
/// With `smoothing` (Szegedy et al. 2016) and `squaredSum` (the z-loss of Chowdhery et al. 2022,
/// arXiv:2204.02311), each 0 otherwise: `loss[r] = logSumExp(z[r]) - (1 - smoothing) * z[r, target]
/// - smoothing * mean(z[r]) + squaredSum * logSumExp(z[r])²`, and the gradient is that of it.
package struct CrossEntropy: OperationWithoutGradient {
    package static let name = "CrossEntropy"
    package var softCap: Float
    package var gradientType: ElementType?
    package var smoothing: Float
    package var squaredSum: Float

    package init(softCap: Float = 0, gradientType: ElementType? = nil, smoothing: Float = 0, squaredSum: Float = 0) {
        self.softCap = softCap
        self.gradientType = gradientType
        self.smoothing = smoothing
        self.squaredSum = squaredSum
    }

    /// Whether the loss is more than the cross-entropy.
    package var isExtended: Bool { smoothing != 0 || squaredSum != 0 }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(inputs[1].rows == inputs[0].rows && inputs[1].elementType == .int32, "targets are \(inputs[1]) for \(inputs[0])")
        let column = TensorType(rows: inputs[0].rows, columns: 1, .float32)
        return [column, column] + (gradientType.map { [TensorType(rows: inputs[0].rows, columns: inputs[0].columns, $0)] } ?? [])
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 6 * Double(inputs[0].elementCount)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { gradientType == nil ? [:] : [2: 0] }
    package var attributes: String {
        (softCap == 0 ? "" : "softCap=\(softCap) ") + (smoothing == 0 ? "" : "smoothing=\(smoothing) ")
            + (squaredSum == 0 ? "" : "squaredSum=\(squaredSum) ") + (gradientType == nil ? "loss" : "loss and gradient")
    }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init()], outputs: outputs.map { _ in .init("t") })
    }
}
