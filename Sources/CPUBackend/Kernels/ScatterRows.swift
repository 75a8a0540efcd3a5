import Tensors
import Glibc
import Graph

extension ScatterRows: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ScatterRowsKernel(
            self, x: operands.inputs[0], rows: operands.inputs[1], base: hasBase ? operands.inputs[2] : nil, y: operands.outputs[0])
    }
}

/// `y[rows[r], :] = x[r, :]`; the other rows are zero or those of the base. First the rest of the
/// output, then the rows.
final class ScatterRowsKernel: Kernel {
    private let firstRow: Int
    private let (x, rows, y): (Matrix, Matrix, Matrix)
    private let base: Matrix?
    private let outputBlocks: RowBlocks
    private let inputBlocks: RowBlocks

    init(_ operation: ScatterRows, x: Matrix, rows: Matrix, base: Matrix?, y: Matrix) {
        firstRow = operation.firstRow
        (self.x, self.rows, self.y) = (x, rows, y)
        self.base = base
        outputBlocks = RowBlocks(rows: y.rows, columns: y.columns)
        inputBlocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var phaseCount: Int { 2 }
    override func blockCount(_ phase: Int) -> Int {
        if phase == 1 { return inputBlocks.count }
        if let base, base.base == y.base { return 0 }
        return outputBlocks.count
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let byteCount = y.columns * y.elementType.byteCount
        if phase == 0 {
            for row in outputBlocks.rows(of: block) {
                if let base { memcpy(y.address(row), base.address(row), byteCount) } else { memset(y.address(row), 0, byteCount) }
            }
            return
        }
        for row in inputBlocks.rows(of: block) {
            let number = Int(rows.integers(row)[0])
            if number < 0 { continue }
            let target = number - firstRow
            if target >= 0, target < y.rows { memcpy(y.address(target), x.address(row), byteCount) }
        }
    }
}
