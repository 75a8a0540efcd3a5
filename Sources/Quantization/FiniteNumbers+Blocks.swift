import Basics

extension FiniteNumbers {
    /// Blocks that a thread looks at together.
    private static let pieceBlocks = 1 << 14

    /// Whether blocks of a format, a whole number of them, hold finite numbers alone: whether all
    /// their scales and minima are finite.
    package static func holds(_ bytes: UnsafeRawBufferPointer, _ format: BlockFormat) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        nonisolated(unsafe) let address = start
        let (size, halves) = (format.blockByteCount, format.halves)
        let count = bytes.count / size
        let pieces = (count + pieceBlocks - 1) / pieceBlocks
        let found = UnsafeMutablePointer<Bool>.allocate(capacity: max(1, pieces))
        defer { found.deallocate() }
        found.initialize(repeating: true, count: max(1, pieces))
        nonisolated(unsafe) let results = found
        ParallelWork.run(count: pieces, threadCount: pieces < 4 ? 1 : ParallelWork.processorCount) { piece in
            let blocks = piece * pieceBlocks..<min(count, (piece + 1) * pieceBlocks)
            results[piece] = format == .mxfp4 ? areFinite(address, blocks, ofExponents: size) : areFinite(address, blocks, size, halves)
        }
        return (0..<pieces).allSatisfy { found[$0] }
    }

    private static func areFinite(_ address: UnsafeRawPointer, _ blocks: Range<Int>, _ size: Int, _ halves: [Int]) -> Bool {
        var greatest: UInt16 = 0
        for half in halves {
            for block in blocks {
                greatest = max(greatest, address.loadUnaligned(fromByteOffset: block * size + half, as: UInt16.self) & 0x7C00)
            }
        }
        return greatest < 0x7C00
    }

    /// With the largest exponents some codes are too large, others not.
    private static func areFinite(_ address: UnsafeRawPointer, _ blocks: Range<Int>, ofExponents size: Int) -> Bool {
        blocks.allSatisfy { block in
            if address.byte(block * size) <= MXFP4.largestExponent { return true }
            return withUnsafeTemporaryAllocation(of: Float.self, capacity: MXFP4.length) { room in
                guard let numbers = room.baseAddress else { return true }
                MXFP4.decode(address + block * size, into: numbers)
                return (0..<MXFP4.length).allSatisfy { numbers[$0].isFinite }
            }
        }
    }
}
