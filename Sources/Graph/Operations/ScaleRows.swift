import Tensors

/// `y[r, :] = factors[places[r]] * x[r, :]`; zeros where the place is -1.
///
/// Inputs: `x` `[r, n]`, `factors` `[s, 1]` float32, `places` `[r, 1]` int32, each -1 or a row of
/// `factors`; without `hasPlaces` each row has the factor of its own number. Output: as `x`.
package struct ScaleRows: OperationWithoutGradient {
    package static let name = "ScaleRows"

    package var hasPlaces: Bool

    package init(hasPlaces: Bool = true) { self.hasPlaces = hasPlaces }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasPlaces ? 3 : 2)
        try require(inputs[1].columns == 1 && inputs[1].elementType == .float32, "factors are \(inputs[1]), not [s, 1] float32")
        try require(
            hasPlaces ? inputs[2] == TensorType(rows: inputs[0].rows, columns: 1, .int32) : inputs[1].rows == inputs[0].rows,
            "factors and places are \(inputs.dropFirst()) for the rows of \(inputs[0])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(1, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t")] + (hasPlaces ? [.init(), .init("t")] : [.init("t")]), outputs: [.init("t")])
    }
}
