import Tensors

/// How a layer's tokens spread over its experts: `y[0, e] = addend[0, e] + ` how many choices fell
/// on expert `e`, `y[1, e] = addend[1, e] + ` the sum of the shares that the softmax over all
/// logits gives it. Rows that see no key are no tokens, and are left out.
///
/// Inputs: `logits` `[t, experts]` float32, `experts` `[t, count]` int32, `keyRanges` `[t, 2]`
/// int32, optionally `addend` `[2, experts]` float32: the sums of earlier layers. Output: as the
/// addend. The order of sums is fixed. Choices are not differentiated.
package struct RouterBalance: Operation {
    package static let name = "RouterBalance"
    package var hasAddend: Bool

    package init(hasAddend: Bool = false) { self.hasAddend = hasAddend }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 4 : 3)
        let rows = inputs[0].rows
        try require(
            inputs[0].elementType == .float32 && inputs[1].rows == rows && inputs[1].elementType == .int32
                && inputs[2] == TensorType(rows: rows, columns: 2, .int32) && inputs[0].columns <= ExpertChoice.expertLimit,
            "operands are \(inputs)")
        let output = TensorType(rows: 2, columns: inputs[0].columns, .float32)
        if hasAddend { try require(inputs[3] == output, "the addend is \(inputs[3]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 4 * Double(inputs[0].elementCount)
        return cost
    }
    package var attributes: String { hasAddend ? "+ addend" : "" }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        if hasAddend { try context.contribute(to: node.inputs[3], gradient) }
        guard context.needsGradient(node.inputs[0]) else { return }
        let operands = [gradient, context.saved(node.inputs[0]), node.inputs[2]]
        try context.contribute(to: node.inputs[0], context.add(RouterBalanceBackward(), operands)[0])
    }
}
