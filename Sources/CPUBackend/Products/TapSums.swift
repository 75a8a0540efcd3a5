import Tensors

/// Sums over a few rows, each times the taps that a convolution has for it, column by column.
struct TapSums {
    private let taps: Int
    private let columns: Int
    private let stride: Int
    /// The taps one below the other.
    private let weights: UnsafeMutablePointer<Float>
    private let row: UnsafeMutablePointer<Float>
    private let sums: UnsafeMutablePointer<Float>

    static func scratchByteCount(_ weight: Matrix) -> Int { (weight.columns + 2) * RowBuffer.byteCount(weight.rows) }

    /// - Parameter weight: `[columns, taps]`.
    init(_ weight: Matrix, _ scratch: UnsafeMutableRawPointer) {
        (taps, columns) = (weight.columns, weight.rows)
        stride = RowBuffer.byteCount(weight.rows) / 4
        weights = scratch.assumingMemoryBound(to: Float.self)
        row = weights + taps * stride
        sums = row + stride
        withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, weight.columns)) { room in
            guard let own = room.baseAddress else { return }
            for column in 0..<weight.rows {
                RowConversion.widen(weight.address(column), weight.elementType, to: own, count: taps)
                for tap in 0..<taps { weights[tap * stride + column] = own[tap] }
            }
        }
    }

    /// Writes `target = sum over j of weight[taps - 1 - j] * rows(j)`, without those that are not
    /// there.
    /// - Parameter place: the address of the j-th row; nil: it is not there.
    @inline(__always)
    func put(
        into target: UnsafeMutableRawPointer, _ targetType: ElementType, from type: ElementType, _ place: (Int) -> UnsafeMutableRawPointer?
    ) {
        sums.update(repeating: 0, count: columns)
        for j in 0..<taps {
            guard let address = place(j) else { continue }
            var source = UnsafePointer(row)
            if type == .float32 {
                source = UnsafePointer(address.assumingMemoryBound(to: Float.self))
            } else {
                RowConversion.widen(address, type, to: row, count: columns)
            }
            let own = weights + (taps - 1 - j) * stride
            var i = 0
            while i < columns {
                let part = min(16, columns - i)
                storePart(loadPart(sums + i, part).addingProduct(loadPart(source + i, part), loadPart(own + i, part)), sums + i, part)
                i += 16
            }
        }
        RowConversion.narrow(sums, to: target, targetType, count: columns)
    }
}
