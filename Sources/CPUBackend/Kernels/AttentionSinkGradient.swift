import Glibc
import Graph
import Tensors

extension AttentionSinkGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AttentionSinkGradientKernel(operands.inputs, target: operands.outputs[0])
    }
}

/// `accumulator[h] -= sum over t of exp(sinks[h] - logSumExp[t, h]) * delta[t, h]`.
final class AttentionSinkGradientKernel: ColumnSumKernel {
    private let (sinks, logSumExp, delta): (Matrix, Matrix, Matrix)

    init(_ inputs: [Matrix], target: Matrix) {
        (sinks, logSumExp, delta) = (inputs[0], inputs[1], inputs[2])
        super.init(rows: inputs[1].rows, accumulator: inputs[3], target: target)
    }

    override var scratchByteCount: Int { RowBuffer.byteCount(sinks.columns) }

    override func add(_ row: Int, to sums: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
        let sinks = sinks.row(0, workspace.scratch.assumingMemoryBound(to: Float.self))
        let (logs, deltas) = (logSumExp.floats(row), delta.floats(row))
        for head in 0..<self.sinks.columns where deltas[head] != 0 { sums[head] -= exp(sinks[head] - logs[head]) * deltas[head] }
    }
}
