package import Tensors

/// The gradient of ``LayerNorm`` with respect to its input, added to a gradient that came another
/// way (the residual's).
///
/// With `(m, r)` = statistics, `g = dy * weight`, `n` = columns:
/// `dx = r * (g - mean(g) - (x - m) * r² / n * sum(g * (x - m))) + addend`.
/// Inputs: `dy`, `x`, `weight` `[1, n]`, `statistics` `[t, 2]` float32, optionally `addend` of the
/// output's type. Output: `dx` of `outputType`.
package struct LayerNormBackward: OperationWithoutGradient {
    package static let name = "LayerNormBackward"
    package var hasAddend: Bool
    package var outputType: ElementType

    package init(hasAddend: Bool = false, outputType: ElementType = .float32) {
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 5 : 4)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "dy \(inputs[0]) and x \(inputs[1]) differ")
        try require(inputs[3].rows == inputs[1].rows && inputs[3].columns == 2, "statistics \(inputs[3]) do not fit \(inputs[1])")
        let output = TensorType(rows: inputs[1].rows, columns: inputs[1].columns, outputType)
        if hasAddend { try require(inputs[4] == output, "the addend is \(inputs[4]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(12, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 4] : [:] }
    package var addendInput: Int? { hasAddend ? 4 : nil }
    package var attributes: String { hasAddend ? "+ addend" : "" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init(), .init("t")] + (hasAddend ? [.init("t")] : []), outputs: [.init("t")])
    }
}
