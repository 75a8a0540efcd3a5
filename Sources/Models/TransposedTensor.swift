import Tensors

/// A stored matrix `[rows, columns]` read the other way round: as `[columns, rows]`.
struct TransposedTensor: Sendable {
    private let stored: StoredTensor
    private let (rows, columns): (Int, Int)

    init(_ stored: StoredTensor) {
        self.stored = stored
        rows = stored.shape.first ?? 1
        columns = stored.shape.last ?? 1
    }

    /// Writes elements of the turned matrix, counted along its rows, as float32.
    func read(_ range: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        guard let source = stored.bytes.baseAddress, rows > 0 else { return }
        if let turning = stored.turning { return turning.stored.read(range, into: numbers) }
        let size = stored.elementType.byteCount
        var (column, row) = range.lowerBound.quotientAndRemainder(dividingBy: rows)
        for index in 0..<range.count {
            let place = source + (row * columns + column) * size
            FloatConversion.widen(place, stored.elementType, count: 1, into: numbers + index)
            row += 1
            if row == rows { (row, column) = (0, column + 1) }
        }
    }
}
