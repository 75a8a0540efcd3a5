import Tensors

/// The rows of a weight in a form that products do not read as it lies.
///
/// This is where a stored format joins the products of generation: a conformance in a file of its
/// own, handed to ``RowExactProductKernel`` by the operation's kernel. The kernel asks for some
/// rows at a time, which stay in the nearest caches, and multiplies them with all rows of the
/// activations, one or hundreds; the order of sums is its own matter.
protocol StoredRows {
    /// Writes rows, `stride` numbers apart, as float32, or as bfloat16 rounded from the same
    /// float32 numbers to the nearest, ties to even.
    /// - Parameters:
    ///   - type: float32 or bfloat16.
    ///   - room: for a row of float32 numbers.
    func unpack(
        _ rows: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, stride: Int, room: UnsafeMutablePointer<Float>)
}

/// The rows of a frozen weight, of which products also take some columns.
protocol PartedRows: StoredRows {
    /// Writes some columns of a row as float32, or as bfloat16 rounded from them.
    /// - Parameter room: for the numbers of the columns and ``roomBeside`` more.
    func unpack(
        _ row: Int, columns: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, room: UnsafeMutablePointer<Float>)
    /// Numbers that are unpacked beside those that are asked for.
    var roomBeside: Int { get }
}

/// Rows of a matrix of narrower numbers.
struct MatrixRows: StoredRows {
    let matrix: Matrix

    func unpack(
        _ rows: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, stride: Int, room: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            let place = target + index * stride * type.byteCount
            if type == .float32 {
                RowConversion.widen(
                    matrix.address(row), matrix.elementType, to: place.assumingMemoryBound(to: Float.self), count: matrix.columns)
            } else {
                RowConversion.widen(matrix.address(row), matrix.elementType, to: room, count: matrix.columns)
                RowConversion.narrow(room, to: place, type, count: matrix.columns)
            }
        }
    }
}
