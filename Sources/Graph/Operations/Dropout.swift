import Tensors

/// Sets elements to zero with probability `rate` and divides the others by `1 - rate` (Srivastava
/// et al. 2014).
///
/// Element `e = (firstRow + row) * columns + column` draws word `e % 4` of Philox4x32-10 (Salmon et
/// al. 2011) with the counter `(e / 4, stream, step, microBatch)` and the key `(seedLow,
/// seedHigh)`; it is kept if the word is at least `rate * 2³²`. So a mask depends on nothing but
/// these numbers, is never stored, and the gradient applies the same operation to the output's
/// gradient. Inputs: `x` `[t, n]`, `randomState` `[1, 4]` int32 (bits of seedLow, seedHigh, step,
/// microBatch). Output: as `x`.
package struct Dropout: Operation {
    package static let name = "Dropout"
    package var rate: Float
    /// Tells the dropout layers of one model apart.
    package var stream: UInt32
    package var firstRow: Int

    package init(rate: Float, stream: UInt32, firstRow: Int = 0) {
        self.rate = rate
        self.stream = stream
        self.firstRow = firstRow
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 2)
        try require(inputs[1].elementType == .int32 && inputs[1].elementCount == 4, "the random state is \(inputs[1])")
        return [inputs[0]]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(12, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0] }
    package var attributes: String { "rate=\(rate) stream=\(stream)" + (firstRow == 0 ? "" : " firstRow=\(firstRow)") }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let operation = self
        return Partition(inputs: [.init("t"), .init()], outputs: [.init("t")]) { _, range, _ in
            var piece = operation
            piece.firstRow += range.lowerBound
            return piece
        }
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]), context.needsGradient(node.inputs[0]) else { return }
        try context.contribute(to: node.inputs[0], context.add(self, [gradient, node.inputs[1]])[0])
    }
}
