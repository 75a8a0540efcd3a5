package import Tensors

/// The loss of rows of logits over a few classes, given by weights for every class, and the
/// gradient at once.
///
/// - `softmax`, for one class a row: `loss[r] = -Σ positive[r, c] * log softmax(z[r])[c]`. One-hot
///   weights are the plain cross-entropy; class weights and label smoothing are folded into them.
/// - `sigmoid`, for any number of classes a row: `loss[r] = -Σ (positive[r, c] * log σ(z[r, c]) +
///   negative[r, c] * log σ(-z[r, c]))`.
///
/// The gradient is that of the sum of the losses times `lossScale`. A row of zero weights has loss
/// 0 and a gradient of zeros. Inputs: `logits` `[r, n]`, `positive` `[r, n]` float32, `lossScale`
/// `[1, 1]` float32, and for `sigmoid` `negative` `[r, n]` float32. Outputs: `loss` `[r, 1]`
/// float32 and, with `gradientType`, `gradient` as the logits, of that element type.
package struct ClassLoss: OperationWithoutGradient {
    package static let name = "ClassLoss"

    package enum Form: String, Sendable, Hashable, CaseIterable { case softmax, sigmoid }
    package var form: Form
    package var gradientType: ElementType?

    package init(_ form: Form, gradientType: ElementType? = nil) {
        self.form = form
        self.gradientType = gradientType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, form == .sigmoid ? 4 : 3)
        let weights = TensorType(rows: inputs[0].rows, columns: inputs[0].columns, .float32)
        try require(inputs[1] == weights && (form == .softmax || inputs[3] == weights), "weights are \(inputs[1]) for \(inputs[0])")
        let loss = TensorType(rows: inputs[0].rows, columns: 1, .float32)
        return [loss] + (gradientType.map { [TensorType(rows: inputs[0].rows, columns: inputs[0].columns, $0)] } ?? [])
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 8 * Double(inputs[0].elementCount)
        return cost
    }
    package var attributes: String { form.rawValue + (gradientType == nil ? " loss" : " loss and gradient") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(
            inputs: [.init("t"), .init("t"), .init()] + (form == .sigmoid ? [.init("t")] : []), outputs: outputs.map { _ in .init("t") })
    }
}
