import Graph
import Tensors

extension RotaryEmbedding: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        RotaryEmbeddingKernel(self, x: operands.inputs[0], table: operands.inputs[1], tableRows: operands.inputs[2], y: operands.outputs[0])
    }
}

/// Rotary position embedding in the half-split layout or in neighbouring pairs; may be written over
/// its input.
final class RotaryEmbeddingKernel: Kernel {
    private let headWidth: Int
    private let sign: Float
    private let isInterleaved: Bool
    private let (x, table, tableRows, y): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: RotaryEmbedding, x: Matrix, table: Matrix, tableRows: Matrix, y: Matrix) {
        headWidth = operation.headWidth
        sign = operation.isInverse ? -1 : 1
        isInterleaved = operation.isInterleaved
        (self.x, self.table, self.tableRows, self.y) = (x, table, tableRows, y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        let half = table.columns / 2
        let rest = headWidth - table.columns
        for row in blocks.rows(of: block) {
            let source = x.row(row, xBuffer)
            let target = y.rowTarget(row, yBuffer)
            let position = Int(tableRows.integers(row)[0])
            guard position >= 0, position < table.rows else {
                // No such position: a row that poisons the loss, instead of one that quietly trains
                // on nonsense.
                target.update(repeating: .nan, count: x.columns)
                y.finishRow(row, target)
                continue
            }
            let cosines = table.floats(position)
            let sines = cosines + half
            var head = 0
            while head < x.columns {
                if isInterleaved {
                    rotatePairs(source + head, target + head, cosines, sines, half)
                    if rest > 0, source != target { (target + head + 2 * half).update(from: source + head + 2 * half, count: rest) }
                    head += headWidth
                    continue
                }
                let (low, high) = (source + head, source + head + half)
                let (lowTarget, highTarget) = (target + head, target + head + half)
                var i = 0
                while i + 16 <= half {
                    rotate(SIMD16<Float>.self, low + i, high + i, cosines + i, sines + i, lowTarget + i, highTarget + i)
                    i += 16
                }
                if i + 8 <= half {
                    rotate(SIMD8<Float>.self, low + i, high + i, cosines + i, sines + i, lowTarget + i, highTarget + i)
                    i += 8
                }
                if i + 4 <= half {
                    rotate(SIMD4<Float>.self, low + i, high + i, cosines + i, sines + i, lowTarget + i, highTarget + i)
                    i += 4
                }
                while i < half {
                    let (a, b, c, s) = (low[i], high[i], cosines[i], sines[i] * sign)
                    lowTarget[i] = a * c - b * s
                    highTarget[i] = b * c + a * s
                    i += 1
                }
                if rest > 0, source != target { (target + head + 2 * half).update(from: source + head + 2 * half, count: rest) }
                head += headWidth
            }
            y.finishRow(row, target)
        }
    }

    /// A plain loop, of which the compiler makes vector code.
    @inline(never) private func rotatePairs(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>,
        _ sines: UnsafePointer<Float>, _ count: Int
    ) {
        for i in 0..<count {
            let (a, b, c, s) = (source[2 * i], source[2 * i + 1], cosines[i], sines[i] * sign)
            target[2 * i] = a * c - b * s
            target[2 * i + 1] = b * c + a * s
        }
    }

    @inline(__always) private func rotate<Numbers: SIMD>(
        _ type: Numbers.Type, _ low: UnsafePointer<Float>, _ high: UnsafePointer<Float>, _ cosines: UnsafePointer<Float>,
        _ sines: UnsafePointer<Float>,
        _ lowTarget: UnsafeMutablePointer<Float>, _ highTarget: UnsafeMutablePointer<Float>
    ) where Numbers: BitwiseCopyable, Numbers.Scalar == Float {
        let a = UnsafeRawPointer(low).loadUnaligned(as: Numbers.self)
        let b = UnsafeRawPointer(high).loadUnaligned(as: Numbers.self)
        let c = UnsafeRawPointer(cosines).loadUnaligned(as: Numbers.self)
        let s = UnsafeRawPointer(sines).loadUnaligned(as: Numbers.self) * sign
        UnsafeMutableRawPointer(lowTarget).storeBytes(of: a * c - b * s, as: Numbers.self)
        UnsafeMutableRawPointer(highTarget).storeBytes(of: b * c + a * s, as: Numbers.self)
    }
}
