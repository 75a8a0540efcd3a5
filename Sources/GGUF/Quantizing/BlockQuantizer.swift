import Basics
import Quantization

/// Turns numbers into blocks of one format.
///
/// Layouts and formulas are ggml's, so that its reference gives the same bytes from the same
/// numbers where it is compiled without fused multiply-add.
protocol BlockQuantizer: Sendable {
    var format: BlockFormat { get }
    /// Writes one block.
    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>)
    /// Writes one block with a small sum of `weight * error²`.
    /// - Parameter weights: what each number's error counts; positive.
    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>)
    /// Whether weights make a difference.
    var minds: Bool { get }
}

extension BlockQuantizer {
    /// Numbers in a block.
    var length: Int { format.blockLength }
    /// Bytes of a block.
    var byteCount: Int { format.blockByteCount }

    var minds: Bool { false }
    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(numbers, to: block)
    }

    /// Writes the block with weights or the one without, whichever errs less by the weights in what
    /// is stored in the end: no search is perfect, and the one without weights has other trials.
    func writeBetter(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(numbers, to: block)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: byteCount) { other in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { back in
                guard let other = other.baseAddress, let back = back.baseAddress else { return }
                func error(_ block: UnsafeMutablePointer<UInt8>) -> Double {
                    format.decode(block, count: 1, into: back)
                    var sum = 0.0
                    for index in 0..<length {
                        let distance = Double(back[index]) - Double(numbers[index])
                        sum += Double(weights[index]) * distance * distance
                    }
                    return sum
                }
                other.update(repeating: 0, count: byteCount)
                write(numbers, weights: weights, to: other)
                if error(other) < error(block) { block.update(from: other, count: byteCount) }
            }
        }
    }
}

/// Many blocks, on all threads of the processor.
enum BlockRun {
    /// Blocks that a thread takes at a time.
    private static let blocksAtOnce = 256

    private struct Place: @unchecked Sendable {
        let numbers: UnsafePointer<Float>
        let weights: UnsafePointer<Float>?
        let bytes: UnsafeMutablePointer<UInt8>
    }

    /// - Parameter weights: what errors in the columns of a row count; nil: all the same. The
    ///   numbers are whole rows of so many columns then.
    static func bytes(_ numbers: UnsafeBufferPointer<Float>, weights: [Float]? = nil, _ quantizer: any BlockQuantizer) -> [UInt8] {
        guard let weights, quantizer.minds, weights.count >= quantizer.length, weights.count % quantizer.length == 0 else {
            return bytes(numbers, nil, quantizer)
        }
        return weights.withUnsafeBufferPointer { bytes(numbers, $0, quantizer) }
    }

    private static func bytes(
        _ numbers: UnsafeBufferPointer<Float>, _ weights: UnsafeBufferPointer<Float>?, _ quantizer: any BlockQuantizer
    ) -> [UInt8] {
        let (length, size) = (quantizer.length, quantizer.byteCount)
        let blocks = numbers.count / length
        let blocksOfRow = max(1, (weights?.count ?? length) / length)
        return [UInt8](unsafeUninitializedCapacity: blocks * size) { buffer, initialized in
            initialized = blocks * size
            guard let source = numbers.baseAddress, let target = buffer.baseAddress else { return }
            let place = Place(numbers: source, weights: weights?.baseAddress, bytes: target)
            ParallelWork.run(count: (blocks + blocksAtOnce - 1) / blocksAtOnce) { piece in
                for block in (piece * blocksAtOnce)..<min(blocks, (piece + 1) * blocksAtOnce) {
                    let (own, target) = (place.numbers + block * length, place.bytes + block * size)
                    if let weights = place.weights {
                        quantizer.writeBetter(own, weights: weights + block % blocksOfRow * length, to: target)
                    } else {
                        quantizer.write(own, to: target)
                    }
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
