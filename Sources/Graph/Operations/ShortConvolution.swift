import Tensors

/// A causal convolution of each column with a few taps of its own: `y[i, c] = sum over j of
/// weight[c, taps - 1 - j] * x[i - j, c]`, over the rows `i - j` that row `i` sees (LIV, Liquid
/// AI's LFM2).
///
/// Inputs: `x` `[t, n]`, `weight` `[n, taps]` of any floating type, `keyRanges` `[t, 2]` int32 as
/// of ``Attention``, whose ends are the rows themselves: a row with an empty range gives zeros.
/// Output: as `x`; sums are float32, from the row itself backwards.
package struct ShortConvolution: Operation {
    package static let name = "ShortConvolution"

    /// Taps that kernels have room for.
    package static let tapLimit = 16

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 3)
        try require(Self.fits(weight: inputs[1], inputs[0]), "the weight is \(inputs[1]) for \(inputs[0])")
        try require(inputs[2] == TensorType(rows: inputs[0].rows, columns: 2, .int32), "key ranges are \(inputs[2])")
        return [inputs[0]]
    }

    static func fits(weight: TensorType, _ x: TensorType) -> Bool {
        x.elementType.isFloatingPoint && weight.elementType.isFloatingPoint && weight.rows == x.columns
            && (1...tapLimit).contains(weight.columns)
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        .elementwise(2 * Double(inputs[1].columns), inputs, outputs)
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let keyRanges = node.inputs[2]
        if context.needsGradient(node.inputs[0]) {
            guard let queryRanges = context.queryRanges(for: keyRanges) else {
                throw .notDifferentiable(operation: "ShortConvolution without query ranges")
            }
            let operands = [gradient, context.saved(node.inputs[1]), queryRanges]
            try context.contribute(to: node.inputs[0], context.add(ShortConvolutionBackward(), operands)[0])
        }
        guard context.needsGradient(node.inputs[1]) else { return }
        let x = try context.factor(node.inputs[0])
        try context.contribute(to: node.inputs[1]) { context, addend, _ throws(GraphError) in
            guard let addend else { throw .notDifferentiable(operation: "ShortConvolution with a computed weight") }
            return try context.add(ShortConvolutionWeightGradient(), [gradient, x, keyRanges, addend])[0]
        }
    }
}
