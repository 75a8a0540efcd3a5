import Graph
import Tensors

enum RouterBalanceReference: KernelReference {
    static func softmax(_ logits: [Double]) -> [Bounded] {
        let largest = logits.max() ?? 0
        let weights = logits.map { Bounded.exponential(Bounded($0) - Bounded(largest)) }
        let total = Bounded.sum(weights)
        return weights.map { $0 / total }
    }

    static func isToken(_ ranges: HostMatrix, _ row: Int) -> Bool { ranges.integer(row, 1) > ranges.integer(row, 0) }

    static func outputs(_ operation: RouterBalance, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let rows = (0..<inputs[0].rows).filter { isToken(inputs[2], $0) }
        let shares = rows.map { softmax(Array(inputs[0].row($0))) }
        return [
            Expected(rows: 2, columns: types[0].columns) { row, expert in
                let start = operation.hasAddend ? [inputs[3].number(row, expert)] : []
                guard row == 0 else { return .sum(start + shares.map { $0[expert] }) }
                let count = rows.reduce(0) { sum, row in
                    sum + (0..<inputs[1].columns).filter { inputs[1].integer(row, $0) == expert }.count
                }
                return .sum(start + [Bounded(Double(count))])
            }
        ]
    }

    /// Rows of which some see no key.
    static func ranges(_ random: inout CaseRandom, _ rows: Int) -> Operand {
        random.operand(rows, 2, .int32) { row, column, _ in row % 5 == 4 ? 0 : Double(row / 7 + column * (row % 3 + 1)) }
    }

    static var cases: [KernelCase] {
        ExpertOrderReference.sizes.flatMap { size in
            [false, true].map { hasAddend in
                test("\(size)\(hasAddend ? " with an addend" : "")", RouterBalance(hasAddend: hasAddend)) { random in
                    [
                        ExpertChoiceReference.logits(&random, size.rows, size.experts),
                        ExpertOrderReference.experts(&random, size.rows, size.count, of: size.experts, .random),
                        ranges(&random, size.rows),
                    ] + (hasAddend ? [random.numbers(2, size.experts)] : [])
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("2048 x 8 of 64", RouterBalance()) { random in
                [
                    ExpertChoiceReference.logits(&random, 2048, 64), ExpertOrderReference.experts(&random, 2048, 8, of: 64, .random),
                    ranges(&random, 2048),
                ]
            }
        ]
    }
}
