package import Tensors

/// The shape and element type of a value: every value is a matrix.
///
/// Activations are `[tokens, features]`, weights `[outputs, inputs]`, a vector of `n` weights is
/// `[1, n]`, a number for each token is `[tokens, 1]`.
package struct TensorType: Sendable, Hashable {
    package var rows: Int
    package var columns: Int
    package var elementType: ElementType

    package init(rows: Int, columns: Int, _ elementType: ElementType) {
        self.rows = rows
        self.columns = columns
        self.elementType = elementType
    }

    package var elementCount: Int { rows * columns }
    package var byteCount: Int { elementCount * elementType.byteCount }
}

extension TensorType: CustomStringConvertible {
    /// For example `[64, 576] float32`.
    package var description: String { "[\(rows), \(columns)] \(elementType.rawValue)" }
}
