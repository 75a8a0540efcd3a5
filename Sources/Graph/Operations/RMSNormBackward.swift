public import Tensors

/// The gradient of ``RMSNorm`` with respect to its input, added to a gradient that came another way (the residual's).
///
/// With `r` = inverseRMS, `g = dy * (weightOffset + weight)`, `n` = width of a group: `dx = r * g - x * r³ / n * sum(g * x) + addend`.
/// Inputs: `dy`, `x`, `weight` `[1, width]`, `inverseRMS` `[t, groupCount]` float32, optionally `addend` of the output's type. Output: `dx` of `outputType`.
public struct RMSNormBackward: Operation {
    public static let name = "RMSNormBackward"
    public var weightOffset: Float
    public var groupCount: Int
    public var hasAddend: Bool
    public var outputType: ElementType

    public init(weightOffset: Float = 0, groupCount: Int = 1, hasAddend: Bool = false, outputType: ElementType = .float32) {
        self.weightOffset = weightOffset
        self.groupCount = groupCount
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    public func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 5 : 4)
        try require(inputs[0].rows == inputs[1].rows && inputs[0].columns == inputs[1].columns, "dy \(inputs[0]) and x \(inputs[1]) differ")
        let output = TensorType(rows: inputs[1].rows, columns: inputs[1].columns, outputType)
        if hasAddend { try require(inputs[4] == output, "the addend is \(inputs[4]), the result \(output)") }
        return [output]
    }

    public func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(8, inputs, outputs) }
    public var inPlaceInputs: [Int: Int] { hasAddend ? [0: 4] : [:] }
    public var attributes: String {
        [
            weightOffset == 0 ? nil : "weightOffset=\(weightOffset)", groupCount == 1 ? nil : "groups=\(groupCount)",
            hasAddend ? "+ addend" : nil,
        ].compactMap { $0 }.joined(separator: " ")
    }
    public func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init("t"), .init(), .init("t")] + (hasAddend ? [.init("t")] : []), outputs: [.init("t")])
    }
}
