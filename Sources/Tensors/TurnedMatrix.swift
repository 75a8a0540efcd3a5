/// A matrix that its file has the other way round.
package final class TurnedMatrix: Sendable {
    /// `[columns, rows]`, as the file has it.
    package let stored: StoredTensor

    fileprivate init(_ stored: StoredTensor) { self.stored = stored }

    private var rows: Int { stored.shape[1] }
    private var columns: Int { stored.shape[0] }

    /// Rows of the turned matrix that are gathered together: so many numbers of a row of the file
    /// are read at a time, of which those in blocks are a whole number of blocks.
    private static let rowsTogether = 256

    /// Writes some of the turned matrix's numbers, counted row by row, as float32.
    func read(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let (rows, columns) = (rows, columns)
        guard columns > 0, rows > 0 else { return }
        let buffer = UnsafeMutablePointer<Float>.allocate(capacity: Self.rowsTogether)
        defer { buffer.deallocate() }
        let (first, end) = (range.lowerBound / columns, (range.upperBound + columns - 1) / columns)
        for row in stride(from: first, to: end, by: Self.rowsTogether) {
            let count = min(Self.rowsTogether, end - row)
            for column in 0..<columns {
                stored.read(column * rows + row..<column * rows + row + count, into: buffer)
                for index in 0..<count {
                    let element = (row + index) * columns + column
                    if range.contains(element) { target[element - range.lowerBound] = buffer[index] }
                }
            }
        }
    }
}

extension StoredTensor {
    /// The matrix the other way round, where it is one.
    package func turned(named name: String) -> StoredTensor? {
        guard shape.count == 2 else { return nil }
        var tensor = self
        (tensor.name, tensor.shape, tensor.blocks) = (name, [shape[1], shape[0]], nil)
        tensor.turning = TurnedMatrix(self)
        return tensor
    }

    /// The tensor as the file has it.
    package var unturned: StoredTensor { turning?.stored ?? self }
}
