import Graph
import Tensors

extension ExpertBiasGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertBiasGradientKernel(operands) }
}

/// `accumulator[e, :] += sum of dy[p, :]` over the rows of each expert, some columns at a time.
final class ExpertBiasGradientKernel: Kernel {
    private let (dy, accumulator, target): (Matrix, Matrix, Matrix)
    private let groups: GroupedTiles
    private let across: Int
    private static let columnsPerBlock = 256

    init(_ operands: KernelOperands) {
        (dy, accumulator, target) = (operands.inputs[0], operands.inputs[2], operands.outputs[0])
        groups = GroupedTiles(operands.inputs[1], rowCount: dy.rows, height: max(1, dy.rows))
        across = (dy.columns + Self.columnsPerBlock - 1) / Self.columnsPerBlock
        super.init()
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(Self.columnsPerBlock) }
    override func blockCount(_ phase: Int) -> Int { accumulator.rows * across }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (group, part) = block.quotientAndRemainder(dividingBy: across)
        let first = part * Self.columnsPerBlock
        let count = min(Self.columnsPerBlock, dy.columns - first)
        var buffers = RowBuffer(workspace.scratch, columns: Self.columnsPerBlock)
        let (sums, buffer) = (buffers.next(), buffers.next())
        sums.update(repeating: 0, count: count)
        for row in groups.rows(of: group) {
            let source: UnsafePointer<Float>
            if dy.elementType == .float32 {
                source = UnsafePointer(dy.floats(row, first))
            } else {
                RowConversion.widen(dy.address(row, first), dy.elementType, to: buffer, count: count)
                source = UnsafePointer(buffer)
            }
            var i = 0
            while i + 16 <= count {
                store(load(sums + i) + load(source + i), sums + i)
                i += 16
            }
            if i < count { storePart(loadPart(sums + i, count - i) + loadPart(source + i, count - i), sums + i, count - i) }
        }
        let (before, result) = (accumulator.floats(group, first), target.floats(group, first))
        for column in 0..<count { result[column] = before[column] + sums[column] }
    }
}
