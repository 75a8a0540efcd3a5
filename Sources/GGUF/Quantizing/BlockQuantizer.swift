import Quantization

/// Turns numbers into blocks of one format.
///
/// Layouts and formulas are ggml's, so that its reference gives the same bytes from the same
/// numbers where it is compiled without fused multiply-add.
protocol BlockQuantizer: Sendable {
    var format: BlockFormat { get }
    /// Writes one block.
    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>)
}

extension BlockQuantizer {
    /// Numbers in a block.
    var length: Int { format.blockLength }
    /// Bytes of a block.
    var byteCount: Int { format.blockByteCount }
}

/// Many blocks, on all threads of the processor.
enum BlockRun {
    /// Blocks that a thread takes at a time.
    private static let blocksAtOnce = 256

    private struct Place: @unchecked Sendable {
        let numbers: UnsafePointer<Float>
        let bytes: UnsafeMutablePointer<UInt8>
    }

    static func bytes(_ numbers: UnsafeBufferPointer<Float>, _ quantizer: any BlockQuantizer) -> [UInt8] {
        let (length, size) = (quantizer.length, quantizer.byteCount)
        let blocks = numbers.count / length
        return [UInt8](unsafeUninitializedCapacity: blocks * size) { buffer, initialized in
            initialized = blocks * size
            guard let source = numbers.baseAddress, let target = buffer.baseAddress else { return }
            let place = Place(numbers: source, bytes: target)
            ParallelWork.run(count: (blocks + blocksAtOnce - 1) / blocksAtOnce, threadCount: ParallelWork.processorCount) { piece in
                for block in (piece * blocksAtOnce)..<min(blocks, (piece + 1) * blocksAtOnce) {
                    quantizer.write(place.numbers + block * length, to: place.bytes + block * size)
                }
            }
        }
    }
}

extension UnsafeMutablePointer<UInt8> {
    /// Writes a number in half precision, the lower byte first.
    func setHalf(_ number: Float, at place: Int) {
        let bits = BlockNumbers.half(number)
        self[place] = UInt8(truncatingIfNeeded: bits)
        self[place + 1] = UInt8(truncatingIfNeeded: bits >> 8)
    }
}
