package import Tensors

/// Which memory a place is in.
package enum MemorySpace: String, Sendable, Hashable {
    /// Weights, parameters, gradients, optimizer state: shared by all programs of a job.
    case persistent
    /// The arena: values that live while a program runs.
    case transient
    /// Inputs and outputs of one program, which the host writes and reads.
    case exchange
}

/// Where an operand of a kernel lies: a matrix inside one block of one memory space, row-major.
///
/// Element `(row, column)` is at byte `byteOffset + (row * rowStride + column) *
/// elementType.byteCount` of the block. `byteOffset` is a multiple of the element's size; the
/// beginning of an allocation, but not of every view, is aligned as ``MemoryLimits/alignment``
/// says.
package struct TensorReference: Sendable, Hashable {
    package var space: MemorySpace
    package var block: Int
    package var byteOffset: Int
    package var rows: Int
    package var columns: Int
    package var rowStride: Int
    package var elementType: ElementType

    package init(space: MemorySpace, block: Int, byteOffset: Int, rows: Int, columns: Int, rowStride: Int, elementType: ElementType) {
        self.space = space
        self.block = block
        self.byteOffset = byteOffset
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride
        self.elementType = elementType
    }

    /// Bytes from the first element to the end of the last.
    package var byteSpan: Int { rows == 0 || columns == 0 ? 0 : ((rows - 1) * rowStride + columns) * elementType.byteCount }
    /// Whether the rows follow each other without a gap.
    package var isContiguous: Bool { rowStride == columns || rows <= 1 }
    package var type: TensorType { TensorType(rows: rows, columns: columns, elementType) }

    /// The rows `range` of this matrix.
    package func rows(_ range: Range<Int>) -> TensorReference {
        var view = self
        view.byteOffset += range.lowerBound * rowStride * elementType.byteCount
        view.rows = range.count
        return view
    }

    /// The columns `range` of this matrix.
    package func columns(_ range: Range<Int>) -> TensorReference {
        var view = self
        view.byteOffset += range.lowerBound * elementType.byteCount
        view.columns = range.count
        return view
    }
}

/// A tensor's place: one reference, or several with consecutive rows where it is too large for one.
package struct Placement: Sendable, Hashable {
    package var pieces: [TensorReference]

    package init(_ pieces: [TensorReference]) { self.pieces = pieces }

    package var rows: Int { pieces.reduce(0) { $0 + $1.rows } }
}
