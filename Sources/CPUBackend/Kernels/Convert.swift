import Glibc
import Graph
import Tensors

extension Convert: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ConvertKernel(source: operands.inputs[0], target: operands.outputs[0])
    }
}

/// The same numbers in another element type; a copy where the types are equal.
final class ConvertKernel: Kernel {
    private let source: Matrix
    private let target: Matrix
    private let tiling: Tiling

    init(source: Matrix, target: Matrix) {
        self.source = source
        self.target = target
        tiling = Tiling(rows: target.rows, columns: target.columns, isContiguous: source.isContiguous && target.isContiguous)
    }

    private static let piece = 1_024

    override var scratchByteCount: Int { Self.piece * 4 }
    override func blockCount(_ phase: Int) -> Int { tiling.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let columns = tiling.columns(of: block)
        for row in tiling.rows(of: block) {
            let from = source.address(row, columns.lowerBound)
            let to = target.address(row, columns.lowerBound)
            if source.elementType == target.elementType {
                memcpy(to, from, columns.count * source.elementType.byteCount)
            } else if target.elementType == .float32 {
                RowConversion.widen(from, source.elementType, to: to.assumingMemoryBound(to: Float.self), count: columns.count)
            } else if source.elementType == .float32 {
                RowConversion.narrow(from.assumingMemoryBound(to: Float.self), to: to, target.elementType, count: columns.count)
            } else {
                let buffer = workspace.scratch.assumingMemoryBound(to: Float.self)
                var start = 0
                while start < columns.count {
                    let count = min(Self.piece, columns.count - start)
                    RowConversion.widen(from + start * source.elementType.byteCount, source.elementType, to: buffer, count: count)
                    RowConversion.narrow(buffer, to: to + start * target.elementType.byteCount, target.elementType, count: count)
                    start += count
                }
            }
        }
    }
}
