/// How far apart neighbours of a tensor are in its file, in elements: a matrix that lies turned
/// there, or among others.
package struct TensorSteps: Sendable, Hashable {
    package var row: Int
    package var column: Int

    package init(row: Int, column: Int) { (self.row, self.column) = (row, column) }
}

extension StoredTensor {
    /// Columns whose rows are read together: where neighbours of a column are neighbours in the
    /// file, they are read while they are in the cache.
    private static let columnsTogether = 16

    /// Writes numbers that lie apart as float32.
    func read(
        _ range: Range<Int>, columns: Int, _ steps: TensorSteps, from start: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>
    ) {
        let (first, end) = (range.lowerBound / columns, (range.upperBound + columns - 1) / columns)
        for column in stride(from: 0, to: columns, by: Self.columnsTogether) {
            let width = min(Self.columnsTogether, columns - column)
            for row in first..<end {
                let from = max(range.lowerBound, row * columns + column)
                let to = min(range.upperBound, row * columns + column + width)
                guard from < to else { continue }
                var place = row * steps.row + (from - row * columns) * steps.column
                for element in from..<to {
                    target[element - range.lowerBound] = number(start, place)
                    place += steps.column
                }
            }
        }
    }

    @inline(__always) private func number(_ start: UnsafeRawPointer, _ place: Int) -> Float {
        switch elementType {
        case .bfloat16: Float(bitPattern: UInt32(start.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self).littleEndian) << 16)
        case .float32: Float(bitPattern: start.loadUnaligned(fromByteOffset: place * 4, as: UInt32.self).littleEndian)
        default:
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 1) { room in
                guard let one = room.baseAddress else { return 0 }
                FloatConversion.widen(start + place * elementType.byteCount, elementType, count: 1, into: one)
                return one.pointee
            }
        }
    }
}
