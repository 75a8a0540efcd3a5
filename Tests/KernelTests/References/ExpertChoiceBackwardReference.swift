import Graph
import Tensors

enum ExpertChoiceBackwardReference: KernelReference {
    static func outputs(_ operation: ExpertChoiceBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (gradient, weights, experts, logits) = (inputs[0], inputs[1], inputs[2], inputs[3])
        var result = Expected(rows: types[0].rows, columns: types[0].columns) { _, _ in 0 }
        for row in 0..<types[0].rows {
            let numbers = Array(logits.row(row))
            let chosen = (0..<experts.columns).map { experts.integer(row, $0) }
            for rank in 0..<experts.columns {
                let factor = gradient.number(row, rank) * weights.number(row, rank)
                for (expert, share) in ExpertChoiceReference.shares(operation.weighting, numbers, chosen, rank) {
                    var taken = factor * (expert == chosen[rank] ? 1 - share : -share)
                    // A kernel may take the weight for the share of its expert, and add first what
                    // all shares have in common.
                    taken.error += 8 * Bounded.roundoff * abs(factor.value)
                    result[row, expert] = (result[row, expert] ?? 0) + taken
                }
            }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        ExpertChoiceReference.weightings.flatMap { weighting in
            ExpertChoiceReference.sizes.map { size in
                test("\(size) \(weighting)", ExpertChoiceBackward(weighting)) { inputs(&$0, size, weighting) }
            }
        }
    }

    private static func inputs(
        _ random: inout CaseRandom, _ size: (rows: Int, experts: Int, count: Int), _ weighting: ExpertWeighting
    ) -> [Operand] {
        let logits = ExpertChoiceReference.logits(&random, size.rows, size.experts)
        let chosen = (0..<size.rows).map { ExpertChoiceReference.chosen(Array(logits.matrix.row($0)), size.count) }
        return [
            random.numbers(size.rows, size.count),
            random.operand(size.rows, size.count, .float32) { row, rank, _ in
                let shares = ExpertChoiceReference.shares(weighting, Array(logits.matrix.row(row)), chosen[row], rank)
                return ElementType.float32.stored(shares[chosen[row][rank]]?.value ?? 0)
            },
            random.operand(size.rows, size.count, .int32) { row, rank, _ in Double(chosen[row][rank]) },
            logits,
        ]
    }

    static var timings: [KernelCase] {
        [test("2048 of 64 experts", ExpertChoiceBackward(.overChosen)) { inputs(&$0, (2048, 64, 8), .overChosen) }]
    }
}
