package import Tensors

/// Adds up the rows in each token's places: `y[t, :] = addend[t, :] + sum over j of x[places[t, j],
/// :]`, in the order of `j`.
///
/// Inputs: `x` `[t * count, n]`, `places` `[t, count]` int32, each of `0 ..< t * count` once
/// (``ExpertOrder``), optionally `addend` `[t, n]` of `outputType`. Output: `[t, n]` of
/// `outputType`; sums are float32.
package struct ExpertSum: Operation {
    package static let name = "ExpertSum"
    package var hasAddend: Bool
    package var outputType: ElementType

    package init(hasAddend: Bool = false, outputType: ElementType = .float32) {
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 3 : 2)
        try require(inputs[0].elementType.isFloatingPoint, "x is \(inputs[0])")
        try require(
            inputs[1].elementType == .int32 && inputs[1].elementCount == inputs[0].rows, "places are \(inputs[1]) for \(inputs[0])")
        let output = TensorType(rows: inputs[1].rows, columns: inputs[0].columns, outputType)
        if hasAddend { try require(inputs[2] == output, "the addend is \(inputs[2]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = Double(inputs[0].elementCount)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 2] : [:] }
    package var attributes: String { hasAddend ? "+ addend" : "" }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        if hasAddend { try context.contribute(to: node.inputs[2], gradient) }
        guard context.needsGradient(node.inputs[0]) else { return }
        let narrow = try context.converted(gradient, to: context.type(of: node.inputs[0]).elementType)
        try context.contribute(to: node.inputs[0], context.add(ExpertRows(), [narrow, context.saved(node.inputs[1])])[0])
    }
}
