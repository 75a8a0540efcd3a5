import Glibc
import Graph
import Tensors

extension SliceRowsBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        SliceRowsBackwardKernel(self, dy: operands.inputs[0], addend: hasAddend ? operands.inputs[1] : nil, dx: operands.outputs[0])
    }
}

/// `dx[start + r, :] = dy[r, :] + addend[start + r, :]`, elsewhere the addend or zero; may be
/// written over the addend.
final class SliceRowsBackwardKernel: Kernel {
    /// The row of `dx` in which the first of `dy` stands; negative where it belongs to a piece
    /// before this one.
    private let start: Int
    private let (dy, dx): (Matrix, Matrix)
    private let addend: Matrix?
    private let blocks: RowBlocks

    init(_ operation: SliceRowsBackward, dy: Matrix, addend: Matrix?, dx: Matrix) {
        start = operation.start - operation.firstRow
        (self.dy, self.addend, self.dx) = (dy, addend, dx)
        blocks = RowBlocks(rows: dx.rows, columns: dx.columns)
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(dx.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: dx.columns)
        let (dyBuffer, addendBuffer, dxBuffer) = (buffers.next(), buffers.next(), buffers.next())
        let columns = dx.columns
        let byteCount = columns * dx.elementType.byteCount
        for row in blocks.rows(of: block) {
            let source = row - start
            let isInside = source >= 0 && source < dy.rows
            guard let addend else {
                if isInside { memcpy(dx.address(row), dy.address(source), byteCount) } else { memset(dx.address(row), 0, byteCount) }
                continue
            }
            guard isInside else {
                if addend.base != dx.base { memcpy(dx.address(row), addend.address(row), byteCount) }
                continue
            }
            let (gradient, other) = (dy.row(source, dyBuffer), addend.row(row, addendBuffer))
            let target = dx.rowTarget(row, dxBuffer)
            var i = 0
            while i + 16 <= columns {
                store(load(other + i) + load(gradient + i), target + i)
                i += 16
            }
            if i < columns { storePart(loadPart(other + i, columns - i) + loadPart(gradient + i, columns - i), target + i, columns - i) }
            dx.finishRow(row, target)
        }
    }
}
