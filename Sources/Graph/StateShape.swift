import Tensors

/// What an optimizer keeps for a trained tensor `[rows, columns]`. All but the first need tensors
/// on pages of their own (``TrainableLayout``).
package enum StateShape: Sendable, Hashable {
    /// A number for each of the tensor's.
    case asParameter
    /// The same, for tensors alone that are not matrices inside of the layers.
    case asParameterOfOthers
    /// `[rows, 1]`: a number for each row.
    case rows
    /// `[1, columns]`: a number for each column.
    case columns
    /// Eight bits for each number, four in an int32 word, the first in the lowest bits: `[rows,
    /// columns / 4]`, rounded up.
    case codes
    /// `[rows, columns / 256]`, rounded up: a number for each block of 256 numbers of a row.
    case blocks

    /// Numbers in a block.
    package static let blockWidth = 256

    /// - Parameter isHiddenMatrix: whether the tensor is a matrix inside of the layers.
    /// - Returns: nil where nothing is kept for such a tensor.
    func type(rows: Int, columns: Int, isHiddenMatrix: Bool) -> TensorType? {
        switch self {
        case .asParameter: TensorType(rows: rows, columns: columns, .float32)
        case .asParameterOfOthers: isHiddenMatrix ? nil : TensorType(rows: rows, columns: columns, .float32)
        case .rows: TensorType(rows: rows, columns: 1, .float32)
        case .columns: TensorType(rows: 1, columns: columns, .float32)
        case .codes: TensorType(rows: rows, columns: (columns + 3) / 4, .int32)
        case .blocks: TensorType(rows: rows, columns: (columns + Self.blockWidth - 1) / Self.blockWidth, .float32)
        }
    }
}
