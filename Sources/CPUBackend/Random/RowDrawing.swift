/// Counter-based random words for the elements of a matrix, a piece of a row at a time: an
/// element's word depends on its place in the whole matrix alone, however its rows are divided.
struct RowDrawing {
    private static let piece = 1_024
    /// Bytes of scratch that drawing needs.
    static let byteCount = (piece + 64) * 4

    private let generator: Philox
    private let words: UnsafeMutablePointer<UInt32>

    /// - Parameters:
    ///   - randomState: `[4]` words: the two of the key, the step, the micro-batch.
    ///   - scratch: ``byteCount`` bytes.
    init(_ randomState: Matrix, stream: UInt32, scratch: UnsafeMutableRawPointer) {
        let state = randomState.base.assumingMemoryBound(to: UInt32.self)
        let step = randomState.columns == 4 ? 1 : randomState.rowStride
        generator = Philox(key: (state[0], state[step]), stream: stream, step: state[2 * step], microBatch: state[3 * step])
        words = scratch.assumingMemoryBound(to: UInt32.self)
    }

    /// Calls the body with the words of each piece of a row, the piece's first column and its
    /// length.
    @inline(__always)
    func forEachPiece(ofRow row: Int, columns: Int, _ body: (UnsafePointer<UInt32>, Int, Int) -> Void) {
        var start = 0
        while start < columns {
            let count = min(Self.piece, columns - start)
            let element = UInt64(row) * UInt64(columns) + UInt64(start)
            // A counter gives four words, and the first element may be any of its four.
            generator.fill(words, from: element / 4, wordCount: count + 3)
            body(UnsafePointer(words) + Int(element % 4), start, count)
            start += count
        }
    }
}
