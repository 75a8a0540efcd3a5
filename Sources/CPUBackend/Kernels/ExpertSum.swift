import Graph
import Tensors

extension ExpertSum: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertSumKernel(self, operands) }
}

/// `y[t, :] = addend[t, :] + sum over j of x[places[t, j], :]`.
final class ExpertSumKernel: Kernel {
    private let (x, places, y): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let blocks: RowBlocks

    init(_ operation: ExpertSum, _ operands: KernelOperands) {
        (x, places, y) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[2] : nil
        blocks = RowBlocks(rows: y.rows, columns: y.columns * (1 + places.columns))
        super.init()
    }

    override var scratchByteCount: Int { 3 * RowBuffer.byteCount(y.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: y.columns)
        let (sums, first, second) = (buffers.next(), buffers.next(), buffers.next())
        let columns = y.columns
        for row in blocks.rows(of: block) {
            // The addend meets the sum last, as the residual stream does in other layers.
            sums.update(repeating: 0, count: columns)
            let own = places.integers(row)
            for choice in 0..<places.columns {
                let place = Int(own[choice])
                guard place >= 0, place < x.rows else { continue }
                Self.add(x.row(place, first), to: sums, columns)
            }
            if let addend { Self.add(addend.row(row, second), to: sums, columns) }
            RowConversion.narrow(sums, to: y.address(row), y.elementType, count: columns)
        }
    }

    @inline(__always) private static func add(_ row: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>, _ count: Int) {
        var i = 0
        while i + 16 <= count {
            store(load(sums + i) + load(row + i), sums + i)
            i += 16
        }
        if i < count { storePart(loadPart(sums + i, count - i) + loadPart(row + i, count - i), sums + i, count - i) }
    }
}
