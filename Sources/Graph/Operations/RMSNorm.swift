package import Tensors

/// Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467) of each group of
/// columns in each row.
///
/// `y = x / sqrt(mean(x²) + epsilon) * (weightOffset + weight)`. With `groupCount` heads side by
/// side in the columns, each is normalised alone with the same weight (Qwen 3's query and key
/// norms). `weightOffset` is 1 for Gemma, whose stored weight is the difference from one. Inputs:
/// `x` `[t, groupCount * width]`, `weight` `[1, width]`. Outputs: `y` as `x` of `outputType`,
/// `inverseRMS` `[t, groupCount]` float32 for the backward pass.
package struct RMSNorm: Operation {
    package static let name = "RMSNorm"
    package var epsilon: Float
    package var weightOffset: Float
    package var groupCount: Int
    package var outputType: ElementType
    /// As ``MatrixProduct/isRowExact``.
    package var isRowExact: Bool

    package init(
        epsilon: Float, weightOffset: Float = 0, groupCount: Int = 1, outputType: ElementType = .float32, isRowExact: Bool = false
    ) {
        self.isRowExact = isRowExact
        self.epsilon = epsilon
        self.weightOffset = weightOffset
        self.groupCount = groupCount
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(
            inputs[1].rows == 1 && inputs[1].columns * groupCount == inputs[0].columns, "weight \(inputs[1]) does not fit \(inputs[0])")
        return [
            TensorType(rows: inputs[0].rows, columns: inputs[0].columns, outputType),
            TensorType(rows: inputs[0].rows, columns: groupCount, .float32),
        ]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(4, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [:] }
    package var attributes: String {
        "epsilon=\(epsilon)" + (weightOffset == 0 ? "" : " weightOffset=\(weightOffset)") + (groupCount == 1 ? "" : " groups=\(groupCount)")
            + (isRowExact ? " exact" : "")
    }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init()], outputs: [.init("t"), .init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let x = context.saved(node.inputs[0])
        let weight = node.inputs[1]
        let inverseRMS = context.saved(node.outputs[1])
        let norm = self
        if context.needsGradient(node.inputs[1]) {
            try context.contribute(to: weight) { context, addend, _ throws(GraphError) in
                guard let addend else { throw .notDifferentiable(operation: "RMSNorm with a computed weight") }
                return try context.add(RMSNormWeightGradient(groupCount: norm.groupCount), [gradient, x, inverseRMS, addend])[0]
            }
        }
        if context.needsGradient(node.inputs[0]) {
            try context.contribute(to: node.inputs[0]) { context, addend, type throws(GraphError) in
                let operation = RMSNormBackward(
                    weightOffset: norm.weightOffset, groupCount: norm.groupCount, hasAddend: addend != nil, outputType: type)
                return try context.add(operation, [gradient, x, weight, inverseRMS] + (addend.map { [$0] } ?? []))[0]
            }
        }
    }
}
