import Tensors
import Glibc
import Graph

extension GatherRows: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        GatherRowsKernel(self, x: operands.inputs[0], rows: operands.inputs[1], y: operands.outputs[0])
    }
}

/// `y[r, :] = x[rows[r], :]`; zeros for -1; rows outside the piece of `x` are left out.
final class GatherRowsKernel: Kernel {
    private let firstRow: Int
    private let (x, rows, y): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: GatherRows, x: Matrix, rows: Matrix, y: Matrix) {
        firstRow = operation.firstRow
        (self.x, self.rows, self.y) = (x, rows, y)
        blocks = RowBlocks(rows: y.rows, columns: y.columns)
    }

    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let byteCount = y.columns * y.elementType.byteCount
        for row in blocks.rows(of: block) {
            let number = Int(rows.integers(row)[0])
            if number < 0 {
                if firstRow == 0 { memset(y.address(row), 0, byteCount) }
                continue
            }
            let source = number - firstRow
            if source >= 0, source < x.rows { memcpy(y.address(row), x.address(source), byteCount) }
        }
    }
}
