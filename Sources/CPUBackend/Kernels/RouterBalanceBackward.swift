import Glibc
import Graph

extension RouterBalanceBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { RouterBalanceBackwardKernel(operands) }
}

/// `dlogits[t, e] = p[e] * (g[e] - sum over j of g[j] p[j])`.
final class RouterBalanceBackwardKernel: Kernel {
    private let (gradient, logits, ranges, result): (Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operands: KernelOperands) {
        (gradient, logits, ranges, result) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.outputs[0])
        blocks = RowBlocks(rows: logits.rows, columns: 4 * logits.columns)
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (slopes, count) = (gradient.floats(1), logits.columns)
        for row in blocks.rows(of: block) {
            let (numbers, target) = (logits.floats(row), result.floats(row))
            guard RouterShares.isToken(ranges, row) else {
                target.update(repeating: 0, count: count)
                continue
            }
            let (largest, sum) = RouterShares.softmax(numbers, count)
            var mean: Float = 0
            for expert in 0..<count {
                target[expert] = expf(numbers[expert] - largest) / sum
                mean += slopes[expert] * target[expert]
            }
            for expert in 0..<count { target[expert] *= slopes[expert] - mean }
        }
    }
}
