import Glibc
import Graph
import Tensors

extension ExpertRows: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertRowsKernel(operands) }
}

/// `y[places[t, j], :] = x[t, :]`.
final class ExpertRowsKernel: Kernel {
    private let (x, places, y): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operands: KernelOperands) {
        (x, places, y) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        blocks = RowBlocks(rows: x.rows, columns: x.columns * places.columns)
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let byteCount = x.columns * x.elementType.byteCount
        for row in blocks.rows(of: block) {
            let own = places.integers(row)
            for choice in 0..<places.columns {
                let place = Int(own[choice])
                guard place >= 0, place < y.rows else { continue }
                memcpy(y.address(place), x.address(row), byteCount)
            }
        }
    }
}
