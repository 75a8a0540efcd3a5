import Storage
import Synchronization

/// Rows that a tensor has beside those of its file, or in the place of some of them: all hold the
/// mean of the rows that mean something. A vocabulary grows so.
///
/// The mean is summed in float64 the first time that anybody reads such a row; of a vector each
/// number is a row.
package final class GrownRows: Sendable {
    /// The tensor as the file has it.
    private let stored: StoredTensor
    /// The rows that hold the mean.
    package let rows: Range<Int>
    /// The mean is that of so many rows, the first.
    private let meanRows: Int
    private let mean = Mutex<[Float]?>(nil)

    fileprivate init(_ stored: StoredTensor, rows: Range<Int>, meanRows: Int) {
        (self.stored, self.rows, self.meanRows) = (stored, rows, meanRows)
    }

    private var columns: Int { stored.shape.dropFirst().reduce(1, *) }

    /// The numbers of one of the rows.
    private func row() -> [Float] {
        mean.withLock { known in
            if let known { return known }
            let columns = columns
            var sums = [Double](repeating: 0, count: columns)
            let rowsAtOnce = max(1, (1 << 18) / max(1, columns))
            for first in stride(from: 0, to: meanRows, by: rowsAtOnce) {
                let count = min(rowsAtOnce, meanRows - first)
                let numbers = [Float](unsafeUninitializedCapacity: count * columns) { buffer, initialized in
                    initialized = count * columns
                    if let target = buffer.baseAddress { stored.read(first * columns..<(first + count) * columns, into: target) }
                }
                for index in numbers.indices { sums[index % columns] += Double(numbers[index]) }
            }
            stored.file.evict(stored.bytes)
            let found = sums.map { Float($0 / Double(max(1, meanRows))) }
            known = found
            return found
        }
    }

    /// Writes some of the grown tensor's numbers, counted row by row, as float32.
    func read(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let columns = columns
        guard columns > 0 else { return }
        let filled = rows.lowerBound * columns..<rows.upperBound * columns
        let before = range.clamped(to: 0..<filled.lowerBound)
        if !before.isEmpty { stored.read(before, into: target + (before.lowerBound - range.lowerBound)) }
        let within = range.clamped(to: filled)
        if !within.isEmpty {
            let row = row()
            for element in within { target[element - range.lowerBound] = row[element % columns] }
        }
        let behind = range.clamped(to: filled.upperBound..<max(filled.upperBound, range.upperBound))
        if !behind.isEmpty { stored.read(behind, into: target + (behind.lowerBound - range.lowerBound)) }
    }
}

extension StoredTensor {
    /// The tensor with other rows from one on: as many as are wanted hold the mean of all before
    /// them.
    /// - Parameters:
    ///   - first: the first of these rows; the mean is that of the rows before it.
    ///   - end: one past the last of them. Rows behind them stay what they are, and the tensor has
    ///     at least so many.
    package func grown(from first: Int, to end: Int) -> StoredTensor {
        guard let count = shape.first, first > 0, first <= count, end > first, grown == nil else { return self }
        var tensor = self
        tensor.shape[0] = max(count, end)
        tensor.grown = GrownRows(self, rows: first..<end, meanRows: first)
        return tensor
    }
}
