import Graph

extension ExpertOrder: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertOrderKernel(operands) }
}

/// A counting sort by one thread: some tenths of a millisecond for tens of thousands of places.
final class ExpertOrderKernel: Kernel {
    private let (experts, places, offsets): (Matrix, Matrix, Matrix)

    init(_ operands: KernelOperands) {
        (experts, places, offsets) = (operands.inputs[0], operands.outputs[0], operands.outputs[1])
        super.init()
    }

    private var expertCount: Int { offsets.rows - 1 }

    override var scratchByteCount: Int { RowBuffer.byteCount(offsets.rows) }
    override func blockCount(_ phase: Int) -> Int { 1 }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let next = workspace.scratch.assumingMemoryBound(to: Int32.self)
        next.update(repeating: 0, count: offsets.rows)
        // An expert that there is not counts as the last.
        func expert(_ row: Int, _ column: Int) -> Int { max(0, min(expertCount - 1, Int(experts.integers(row)[column]))) }
        for row in 0..<experts.rows { for column in 0..<experts.columns { next[expert(row, column) + 1] += 1 } }
        for index in 0..<offsets.rows {
            if index > 0 { next[index] += next[index - 1] }
            (offsets.base + index * offsets.rowBytes).storeBytes(of: next[index], as: Int32.self)
        }
        for row in 0..<experts.rows {
            let target = (places.base + row * places.rowBytes).assumingMemoryBound(to: Int32.self)
            for column in 0..<experts.columns {
                let own = expert(row, column)
                target[column] = next[own]
                next[own] += 1
            }
        }
    }
}
