import Graph
import Tensors

extension SumOfSquares: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        SumOfSquaresKernel(x: operands.inputs[0], addend: hasAddend ? operands.inputs[1] : nil, result: operands.outputs[0])
    }
}

/// The sum of the squares of all elements: a partial sum for each tile, then those in order.
final class SumOfSquaresKernel: Kernel {
    private let x: Matrix
    private let addend: Matrix?
    private let result: Matrix
    private let tiling: Tiling

    init(x: Matrix, addend: Matrix?, result: Matrix) {
        self.x = x
        self.addend = addend
        self.result = result
        tiling = Tiling(rows: x.rows, columns: x.columns, isContiguous: x.isContiguous)
    }

    override var phaseCount: Int { 2 }
    override var scratchByteCount: Int { RowBuffer.byteCount(Tiling.tileElements) }
    override var sharedByteCount: Int { max(1, tiling.count) * 8 }
    override func blockCount(_ phase: Int) -> Int { phase == 0 ? tiling.count : 1 }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let partials = workspace.shared.assumingMemoryBound(to: Double.self)
        if phase == 0 {
            let columns = tiling.columns(of: block)
            var sum = 0.0
            for row in tiling.rows(of: block) {
                // Pieces of 1024 keep the float32 sums short.
                var start = columns.lowerBound
                while start < columns.upperBound {
                    let count = min(1_024, columns.upperBound - start)
                    let buffer = workspace.scratch.assumingMemoryBound(to: Float.self)
                    let source: UnsafeMutablePointer<Float>
                    if x.elementType == .float32 {
                        source = x.floats(row, start)
                    } else {
                        RowConversion.widen(x.address(row, start), x.elementType, to: buffer, count: count)
                        source = buffer
                    }
                    sum += Double(RowSum.product(source, source, count))
                    start += count
                }
            }
            partials[block] = sum
            return
        }
        var sum = addend.map { Double($0.floats(0)[0]) } ?? 0
        for tile in 0..<tiling.count { sum += partials[tile] }
        result.floats(0)[0] = Float(sum)
    }
}
