import Graph
import Tensors

extension ScaleRows: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ScaleRowsKernel(
            x: operands.inputs[0], factors: operands.inputs[1], places: hasPlaces ? operands.inputs[2] : nil, y: operands.outputs[0])
    }
}

/// `y[r, :] = factors[places[r]] * x[r, :]`, zeros for -1; may be written over `x`.
final class ScaleRowsKernel: Kernel {
    private let (x, factors, y): (Matrix, Matrix, Matrix)
    private let places: Matrix?
    private let blocks: RowBlocks

    init(x: Matrix, factors: Matrix, places: Matrix?, y: Matrix) {
        (self.x, self.factors, self.places, self.y) = (x, factors, places, y)
        blocks = RowBlocks(rows: x.rows, columns: x.columns)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(x.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: x.columns)
        let (xBuffer, yBuffer) = (buffers.next(), buffers.next())
        let columns = x.columns
        for row in blocks.rows(of: block) {
            let place = places.map { Int($0.integers(row)[0]) } ?? row
            let target = y.rowTarget(row, yBuffer)
            guard place >= 0, place < factors.rows else {
                target.update(repeating: 0, count: columns)
                y.finishRow(row, target)
                continue
            }
            let source = x.row(row, xBuffer)
            let factor = factors.floats(place)[0]
            var i = 0
            while i + 16 <= columns {
                store(load(source + i) * factor, target + i)
                i += 16
            }
            if i < columns { storePart(loadPart(source + i, columns - i) * factor, target + i, columns - i) }
            y.finishRow(row, target)
        }
    }
}
