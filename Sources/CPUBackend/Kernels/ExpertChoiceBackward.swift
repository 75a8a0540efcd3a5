import Graph

extension ExpertChoiceBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertChoiceBackwardKernel(self, operands) }
}

/// The gradient of each row's logits from that of its weights.
final class ExpertChoiceBackwardKernel: Kernel {
    private let weighting: ExpertWeighting
    private let (gradient, weights, experts, logits, result): (Matrix, Matrix, Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: ExpertChoiceBackward, _ operands: KernelOperands) {
        weighting = operation.weighting
        (gradient, weights, experts) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        (logits, result) = (operands.inputs[3], operands.outputs[0])
        blocks = RowBlocks(rows: logits.rows, columns: 4 * logits.columns)
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for row in blocks.rows(of: block) { run(row) }
    }

    private func run(_ row: Int) {
        let (chosen, count, target) = (experts.integers(row), weights.columns, result.floats(row))
        let (own, slopes, scores) = (weights.floats(row), gradient.floats(row), logits.floats(row))
        target.update(repeating: 0, count: logits.columns)
        switch weighting {
        case .overChosen, .overAll:
            // One set for all: what each share takes from the others is the same sum.
            var taken: Float = 0
            for rank in 0..<count { taken += slopes[rank] * own[rank] }
            if weighting == .overAll {
                let set = ExpertShares.set(weighting, scores, chosen, 0, count: count, expertCount: logits.columns)
                for expert in 0..<logits.columns { target[expert] = -taken * set.share(of: expert) }
                for rank in 0..<count { target[Int(chosen[rank])] += slopes[rank] * own[rank] }
            } else {
                for rank in 0..<count { target[Int(chosen[rank])] = own[rank] * (slopes[rank] - taken) }
            }
        case .among:
            for rank in 0..<count {
                let set = ExpertShares.set(weighting, scores, chosen, rank, count: count, expertCount: logits.columns)
                let factor = slopes[rank] * own[rank]
                for expert in 0..<logits.columns where set.holds(expert) { target[expert] -= factor * set.share(of: expert) }
                target[Int(chosen[rank])] += factor
            }
        }
    }
}
