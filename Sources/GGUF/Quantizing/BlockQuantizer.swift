import Quantization

/// Turns numbers into blocks of one format.
///
/// Layouts and formulas are ggml's, so that its reference gives the same bytes from the same
/// numbers where it is compiled without fused multiply-add.
protocol BlockQuantizer: Sendable {
    /// Numbers in a block.
    var length: Int { get }
    /// Bytes of a block.
    var byteCount: Int { get }
    /// Writes one block.
    /// - Parameter importance: how much an error in each number counts; nil: all as the format's
    ///   text says.
    func write(_ numbers: UnsafePointer<Float>, importance: UnsafePointer<Float>?, to block: UnsafeMutablePointer<UInt8>)
}

/// Many blocks, on all threads of the processor.
enum BlockRun {
    /// Blocks that a thread takes at a time.
    private static let blocksAtOnce = 256

    private struct Place: @unchecked Sendable {
        let numbers: UnsafePointer<Float>
        let importance: UnsafePointer<Float>?
        let bytes: UnsafeMutablePointer<UInt8>
    }

    /// - Parameter importance: of the columns of a row; numbers are whole rows then.
    static func bytes(_ numbers: UnsafeBufferPointer<Float>, _ quantizer: any BlockQuantizer, _ importance: [Float]?) -> [UInt8] {
        let (length, size) = (quantizer.length, quantizer.byteCount)
        let blocks = numbers.count / length
        return [UInt8](unsafeUninitializedCapacity: blocks * size) { buffer, initialized in
            initialized = blocks * size
            guard let source = numbers.baseAddress, let target = buffer.baseAddress else { return }
            func run(_ weights: UnsafePointer<Float>?, _ columns: Int) {
                let place = Place(numbers: source, importance: weights, bytes: target)
                ParallelWork.run(count: (blocks + blocksAtOnce - 1) / blocksAtOnce, threadCount: ParallelWork.processorCount) { piece in
                    for block in (piece * blocksAtOnce)..<min(blocks, (piece + 1) * blocksAtOnce) {
                        let weights = place.importance.map { $0 + block * length % columns }
                        quantizer.write(place.numbers + block * length, importance: weights, to: place.bytes + block * size)
                    }
                }
            }
            guard let importance, !importance.isEmpty else { return run(nil, 1) }
            importance.withUnsafeBufferPointer { run($0.baseAddress, importance.count) }
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
