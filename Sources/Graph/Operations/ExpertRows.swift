import Tensors

/// Puts each token's row in all of its places: `y[places[t, j], :] = x[t, :]`.
///
/// Inputs: `x` `[t, n]`, `places` `[t, count]` int32, each of `0 ..< t * count` once
/// (``ExpertOrder``). Output: `[t * count, n]` as `x`.
package struct ExpertRows: Operation {
    package static let name = "ExpertRows"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[0].elementType.isFloatingPoint, "x is \(inputs[0])")
        try require(inputs[1].rows == inputs[0].rows && inputs[1].elementType == .int32, "places are \(inputs[1]) for \(inputs[0])")
        return [TensorType(rows: inputs[1].elementCount, columns: inputs[0].columns, inputs[0].elementType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(0, inputs, outputs) }
    package var isCheapToRecompute: Bool { true }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let places = context.saved(node.inputs[1])
        try context.contribute(to: node.inputs[0]) { context, addend, type throws(GraphError) in
            let sum = ExpertSum(hasAddend: addend != nil, outputType: type)
            return try context.add(sum, [gradient, places] + (addend.map { [$0] } ?? []))[0]
        }
    }
}
