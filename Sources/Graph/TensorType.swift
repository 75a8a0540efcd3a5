public import Tensors

/// The shape and element type of a value: every value is a matrix.
///
/// Activations are `[tokens, features]`, weights `[outputs, inputs]`, a vector of `n` weights is `[1, n]`, a number for each token is `[tokens, 1]`.
public struct TensorType: Sendable, Hashable {
    public var rows: Int
    public var columns: Int
    public var elementType: ElementType

    public init(rows: Int, columns: Int, _ elementType: ElementType) {
        self.rows = rows
        self.columns = columns
        self.elementType = elementType
    }

    public var elementCount: Int { rows * columns }
    public var byteCount: Int { elementCount * elementType.byteCount }
}

extension TensorType: CustomStringConvertible {
    /// For example `[64, 576] float32`.
    public var description: String { "[\(rows), \(columns)] \(elementType.rawValue)" }
}
