import Tensors

/// The gradient of ``GroupedProduct`` for its weights: `dW(g) = scale * sum over the rows p of
/// group g of dy[p, :]ᵀ x[p, :] + addend`, one below the other.
///
/// Inputs: `dy` `[rows, outputs]`, `x` `[rows, inputs]` of one type, `offsets` `[groups + 1, 1]`
/// int32 as of ``GroupedProduct``, optionally `addend` `[groups * outputs, inputs]` float32.
/// Output: float32 in the addend's shape. The gradient of a group without rows is its addend, or
/// zero. The order of sums is fixed.
package struct GroupedWeightGradient: OperationWithoutGradient {
    package static let name = "GroupedWeightGradient"
    package var groupCount: Int
    package var scale: Float
    package var hasAddend: Bool

    package init(groupCount: Int, scale: Float = 1, hasAddend: Bool = false) {
        (self.groupCount, self.scale, self.hasAddend) = (groupCount, scale, hasAddend)
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 4 : 3)
        try require(
            inputs[0].rows == inputs[1].rows && inputs[0].elementType == inputs[1].elementType && inputs[0].elementType.isFloatingPoint,
            "dy and x are \(inputs)")
        try require(
            groupCount > 0 && inputs[2] == TensorType(rows: groupCount + 1, columns: 1, .int32), "offsets are \(inputs[2])")
        let output = TensorType(rows: groupCount * inputs[0].columns, columns: inputs[1].columns, .float32)
        if hasAddend { try require(inputs[3] == output, "the addend is \(inputs[3]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = 2 * Double(inputs[0].elementCount) * Double(inputs[1].columns)
        return cost
    }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 3] : [:] }
    package var attributes: String { "groups=\(groupCount)" + (scale == 1 ? "" : " scale=\(scale)") + (hasAddend ? " + addend" : "") }
}
