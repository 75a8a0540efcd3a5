import Graph
import Tensors

extension Dropout: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        DropoutKernel(self, x: operands.inputs[0], randomState: operands.inputs[1], y: operands.outputs[0])
    }
}

/// Sets elements to zero by counter-based random words and scales the others; may be written over
/// its input.
final class DropoutKernel: Kernel {
    private let operation: Dropout
    private let (x, randomState, y): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks
    private static let piece = 1_024

    init(_ operation: Dropout, x: Matrix, randomState: Matrix, y: Matrix) {
        self.operation = operation
        (self.x, self.randomState, self.y) = (x, randomState, y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    private static let randomBytes = (piece + 64) * 4

    override var scratchByteCount: Int { Self.randomBytes + 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let state = randomState.base.assumingMemoryBound(to: UInt32.self)
        let step = randomState.columns == 4 ? 1 : randomState.rowStride
        let generator = Philox(
            key: (state[0], state[step]), stream: operation.stream, step: state[2 * step], microBatch: state[3 * step])
        let words = workspace.scratch.assumingMemoryBound(to: UInt32.self)
        var buffers = RowBuffer(workspace.scratch + Self.randomBytes, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        // Rounded as the definition says; a rate of 1 drops everything and divides by nothing.
        let threshold = UInt32(clamping: UInt64(Double(operation.rate) * 4_294_967_296))
        let scale = operation.rate < 1 ? 1 / (1 - operation.rate) : 0
        let columns = x.columns
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            var start = 0
            while start < columns {
                let count = min(Self.piece, columns - start)
                let element = UInt64(operation.firstRow + row) * UInt64(columns) + UInt64(start)
                generator.fill(words, from: element / 4, wordCount: count + 3)
                let drawn = UnsafePointer(words) + Int(element % 4)
                Self.apply(drawn, threshold, scale, source + start, target + start, count)
                start += count
            }
            y.finishRow(row, target)
        }
    }

    @inline(never)
    private static func apply(
        _ drawn: UnsafePointer<UInt32>, _ threshold: UInt32, _ scale: Float, _ source: UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>,
        _ count: Int
    ) {
        // A plain loop: the compiler makes vector code of it, which it does not of comparisons of
        // integer vectors.
        for i in 0..<count { target[i] = drawn[i] >= threshold ? source[i] * scale : 0 }
    }
}

/// Philox4x32-10 (Salmon et al. 2011), eight counters at a time.
struct Philox {
    let key: (UInt32, UInt32)
    let stream: UInt32
    let step: UInt32
    let microBatch: UInt32

    private typealias Words = SIMD8<UInt64>

    /// Writes at least `wordCount` words (up to 31 more): those of `counter`, `counter + 1`, ...
    /// four each.
    func fill(_ target: UnsafeMutablePointer<UInt32>, from counter: UInt64, wordCount: Int) {
        var done = 0
        var counter = counter
        while done < wordCount {
            let words = eight(from: counter)
            UnsafeMutableRawPointer(target + done).storeBytes(of: words, as: SIMD16<UInt64>.self)
            counter &+= 8
            done += 32
        }
    }

    /// The words of eight counters, in order, two in each number.
    @inline(__always) private func eight(from counter: UInt64) -> SIMD16<UInt64> {
        let low = Words(repeating: 0xffff_ffff)
        var c0 = (Words(repeating: counter) &+ Words(0, 1, 2, 3, 4, 5, 6, 7)) & low
        var c1 = Words(repeating: UInt64(stream))
        var c2 = Words(repeating: UInt64(step))
        var c3 = Words(repeating: UInt64(microBatch))
        var (k0, k1) = key
        for _ in 0..<10 {
            let first = (c0 & low) &* Words(repeating: 0xD251_1F53)
            let second = (c2 & low) &* Words(repeating: 0xCD9E_8D57)
            c0 = (second &>> 32) ^ c1 ^ Words(repeating: UInt64(k0))
            c1 = second & low
            c2 = (first &>> 32) ^ c3 ^ Words(repeating: UInt64(k1))
            c3 = first & low
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        var words = SIMD16<UInt64>()
        words.evenHalf = c0 | (c1 &<< 32)
        words.oddHalf = c2 | (c3 &<< 32)
        return words
    }
}
