import Basics
package import Tensors

/// Looks through stored numbers for a NaN or an infinity, with all processors: a checkpoint is read
/// whole before it is trained.
package enum FiniteNumbers {
    private static let pieceBytes = 4 << 20

    /// Whether all numbers of a floating-point type are finite.
    package static func holds(_ bytes: UnsafeRawBufferPointer, _ type: ElementType) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        nonisolated(unsafe) let address = start
        let count = bytes.count
        let pieces = (count + pieceBytes - 1) / pieceBytes
        // One byte a piece, so that no thread waits for another.
        let found = UnsafeMutablePointer<Bool>.allocate(capacity: max(1, pieces))
        defer { found.deallocate() }
        found.initialize(repeating: true, count: max(1, pieces))
        nonisolated(unsafe) let results = found
        ParallelWork.run(count: pieces, threadCount: pieces < 4 ? 1 : ParallelWork.processorCount) { piece in
            let (first, end) = (piece * pieceBytes, min(count, (piece + 1) * pieceBytes))
            results[piece] =
                switch type {
                case .bfloat16: areFinite(address + first, end - first, exponent: UInt16(0x7F80))
                case .float16: areFinite(address + first, end - first, exponent: UInt16(0x7C00))
                default: areFinite(address + first, end - first, exponent: UInt32(0x7F80_0000))
                }
        }
        return (0..<pieces).allSatisfy { found[$0] }
    }

    /// The exponent's bits are all set in what is not a number; the greatest exponent of all is
    /// found without a branch.
    @inline(__always) private static func areFinite<Word: FixedWidthInteger & UnsignedInteger>(
        _ address: UnsafeRawPointer, _ byteCount: Int, exponent: Word
    ) -> Bool {
        let size = MemoryLayout<Word>.size
        var greatest: Word = 0
        for index in 0..<byteCount / size {
            let bits = address.loadUnaligned(fromByteOffset: index * size, as: Word.self) & exponent
            greatest = bits > greatest ? bits : greatest
        }
        return greatest < exponent
    }
}
