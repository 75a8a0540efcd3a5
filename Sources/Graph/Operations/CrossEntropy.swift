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
package struct CrossEntropy: OperationWithoutGradient {
    package static let name = "CrossEntropy"
    package var softCap: Float
    package var gradientType: ElementType?

    package init(softCap: Float = 0, gradientType: ElementType? = nil) {
        self.softCap = softCap
        self.gradientType = gradientType
    }

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
    package var attributes: String { (softCap == 0 ? "" : "softCap=\(softCap) ") + (gradientType == nil ? "loss" : "loss and gradient") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init()], outputs: outputs.map { _ in .init("t") })
    }
}
