package import Tensors

/// Products in which each row has its own weight: `y[t, :] = addend[t, :] + W(routes[t]) x[t, :]`,
/// for the adapters of several deployments in one batch (Chen et al. 2023, arXiv:2310.18547).
///
/// Inputs: `x` `[t, k]`, `stack` `[count * outputs, k]`, the weights one below the other, `routes`
/// `[t, 1]` int32, optionally `addend` `[t, outputs]`. A route of -1 has no weight: `y` is the
/// addend, or zero. Output: `y` `[t, outputs]` of `outputType`; sums are float32 and depend on
/// nothing but the row and its weight.
package struct RoutedProduct: OperationWithoutGradient {
    package static let name = "RoutedProduct"
    package var outputs: Int
    package var hasAddend: Bool
    package var outputType: ElementType

    package init(outputs: Int, hasAddend: Bool = false, outputType: ElementType = .float32) {
        self.outputs = outputs
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 4 : 3)
        try require(inputs[0].elementType.isFloatingPoint && inputs[1].elementType.isFloatingPoint, "operands are not floating point")
        try require(inputs[1].columns == inputs[0].columns, "x is \(inputs[0]), the stack \(inputs[1])")
        try require(outputs > 0 && inputs[1].rows % outputs == 0, "the stack \(inputs[1]) is not of weights with \(outputs) rows")
        try require(
            inputs[2].rows == inputs[0].rows && inputs[2].columns == 1 && inputs[2].elementType == .int32, "routes are \(inputs[2])")
        let output = TensorType(rows: inputs[0].rows, columns: outputs, outputType)
        if hasAddend { try require(inputs[3] == output, "the addend is \(inputs[3]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(2 * Double(inputs[0].columns), inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 3] : [:] }
    package var attributes: String { "outputs=\(outputs)" + (hasAddend ? " + addend" : "") }

    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let rows = Partition.OperandAxes("t")
        return Partition(inputs: [rows, .init(), rows] + (hasAddend ? [rows] : []), outputs: [rows])
    }
}
