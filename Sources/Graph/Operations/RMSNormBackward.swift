package import Tensors

/// The gradient of ``RMSNorm`` with respect to its input, added to a gradient that came another way
/// (the residual's).
///
/// With `r` = inverseRMS, `g = dy * (weightOffset + weight)`, `n` = width of a group: `dx = r * g -
/// x * r³ / n * sum(g * x) + addend`. Inputs: `dy`, `x`, `weight` `[1, width]`, `inverseRMS` `[t,
/// groupCount]` float32, optionally `addend` of the output's type. Output: `dx` of `outputType`.
package struct RMSNormBackward: OperationWithoutGradient {
    package static let name = "RMSNormBackward"
    package var weightOffset: Float
    package var groupCount: Int
    package var hasAddend: Bool
    package var outputType: ElementType

    package init(weightOffset: Float = 0, groupCount: Int = 1, hasAddend: Bool = false, outputType: ElementType = .float32) {
        self.weightOffset = weightOffset
        self.groupCount = groupCount
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 5 : 4)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "dy \(inputs[0]) and x \(inputs[1]) differ")
        let output = TensorType(rows: inputs[1].rows, columns: inputs[1].columns, outputType)
        if hasAddend { try require(inputs[4] == output, "the addend is \(inputs[4]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(8, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 4] : [:] }
    package var attributes: String {
        [
            weightOffset == 0 ? nil : "weightOffset=\(weightOffset)", groupCount == 1 ? nil : "groups=\(groupCount)",
            hasAddend ? "+ addend" : nil,
        ].compactMap { $0 }.joined(separator: " ")
    }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init(), .init("t")] + (hasAddend ? [.init("t")] : []), outputs: [.init("t")])
    }
}
