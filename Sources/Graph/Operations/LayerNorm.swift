package import Tensors

/// Layer normalisation (Ba, Kiros and Hinton 2016, arXiv:1607.06450) of each row.
///
/// `y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias`, the variance being the mean
/// of the squared distances from the mean.
/// Inputs: `x` `[t, n]`, `weight` and `bias` `[1, n]`. Outputs: `y` as `x` of `outputType`,
/// `statistics` `[t, 2]` float32 for the backward pass: mean and `1 / sqrt(variance + epsilon)`.
package struct LayerNorm: Operation {
    package static let name = "LayerNorm"
    package var epsilon: Float
    package var outputType: ElementType
    /// As ``MatrixProduct/isRowExact``.
    package var isRowExact: Bool

    package init(epsilon: Float, outputType: ElementType = .float32, isRowExact: Bool = false) {
        self.isRowExact = isRowExact
        self.epsilon = epsilon
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        for (name, vector) in [("weight", inputs[1]), ("bias", inputs[2])] {
            try require(vector.rows == 1 && vector.columns == inputs[0].columns, "\(name) \(vector) does not fit \(inputs[0])")
        }
        return [
            TensorType(rows: inputs[0].rows, columns: inputs[0].columns, outputType),
            TensorType(rows: inputs[0].rows, columns: 2, .float32),
        ]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(8, inputs, outputs) }
    package var attributes: String { "epsilon=\(epsilon)" + (isRowExact ? " exact" : "") }
    package var isCheapToRecompute: Bool { true }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t"), .init(), .init()], outputs: [.init("t"), .init("t")])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let x = context.saved(node.inputs[0])
        let (weight, bias) = (node.inputs[1], node.inputs[2])
        let statistics = context.saved(node.outputs[1])
        if context.needsGradient(weight) {
            try context.contribute(to: weight) { context, addend, _ throws(GraphError) in
                guard let addend else { throw .notDifferentiable(operation: "LayerNorm with a computed weight") }
                return try context.add(LayerNormWeightGradient(), [gradient, x, statistics, addend])[0]
            }
        }
        if context.needsGradient(bias) {
            try context.contribute(to: bias) { context, addend, _ throws(GraphError) in
                guard let addend else { throw .notDifferentiable(operation: "LayerNorm with a computed bias") }
                return try context.add(ColumnSum(), [gradient, addend])[0]
            }
        }
        if context.needsGradient(node.inputs[0]) {
            try context.contribute(to: node.inputs[0]) { context, addend, type throws(GraphError) in
                let operation = LayerNormBackward(hasAddend: addend != nil, outputType: type)
                return try context.add(operation, [gradient, x, weight, statistics] + (addend.map { [$0] } ?? []))[0]
            }
        }
    }
}
