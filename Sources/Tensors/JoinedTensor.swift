/// A tensor of a checkpoint in which several lie that a model takes apart, such as the matrices of
/// a layer's experts: slices one behind the other, each holding the same number of parts.
package struct JoinedTensor: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        package var name: String
        package var shape: [Int]
        /// The element of the slice that is its first.
        package var first: Int
        package var steps: TensorSteps

        package init(name: String, shape: [Int], first: Int, steps: TensorSteps) {
            (self.name, self.shape, self.first, self.steps) = (name, shape, first, steps)
        }

        /// Its element's place in the slice.
        package func place(of element: Int) -> Int {
            let columns = max(1, shape.last ?? 1)
            return first + element / columns * steps.row + element % columns * steps.column
        }
        package var elementCount: Int { shape.reduce(1, *) }
    }
    package var name: String
    package var shape: [Int]
    /// The parts of each slice.
    package var slices: [[Part]]

    package init(name: String, shape: [Int], slices: [[Part]]) { (self.name, self.shape, self.slices) = (name, shape, slices) }

    /// Elements of a slice.
    package var sliceElementCount: Int { shape.reduce(1, *) / max(1, slices.count) }
    package var parts: [Part] { slices.flatMap { $0 } }

    /// The parts as tensors of their own, in the bytes of a stored one.
    /// - Returns: nil where that one has another shape, or is not stored number by number.
    package func takenApart(_ stored: StoredTensor) -> [StoredTensor]? {
        guard stored.shape == shape, stored.isPlain, stored.bytes.count == stored.elementCount * stored.elementType.byteCount else {
            return nil
        }
        let size = stored.elementType.byteCount
        return slices.enumerated().flatMap { index, parts in
            parts.map { part -> StoredTensor in
                var tensor = stored
                let last = part.elementCount > 0 ? part.place(of: part.elementCount - 1) + 1 : part.first
                let (from, to) = (index * sliceElementCount + part.first, index * sliceElementCount + last)
                (tensor.name, tensor.shape, tensor.steps) = (part.name, part.shape, part.steps)
                tensor.bytes = UnsafeRawBufferPointer(rebasing: stored.bytes[from * size..<to * size])
                return tensor
            }
        }
    }
}
