import Graph
import Tensors

enum AttentionSinkGradientReference: KernelReference {
    static func outputs(_ operation: AttentionSinkGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (sinks, logSumExp, delta) = (inputs[0], inputs[1], inputs[2])
        return [
            Expected(rows: 1, columns: types[0].columns) { _, head in
                let terms = (0..<logSumExp.rows).map { row -> Bounded in
                    if delta[row, head] == 0 { return 0 }
                    return -(Bounded.exponential(sinks.number(0, head) - logSumExp.number(row, head)) * delta.number(row, head))
                }
                return .sum(terms + [inputs[3].number(0, head)])
            }
        ]
    }

    private static func inputs(_ random: inout CaseRandom, rows: Int, heads: Int, _ type: ElementType) -> [Operand] {
        [
            random.numbers(1, heads, type, in: -2...2), random.numbers(rows, heads, in: 1...6),
            // Every fifth row sees no key.
            random.operand(rows, heads, .float32) { row, _, random in
                row % 5 == 4 ? 0 : ElementType.float32.stored(2 * random.unit() - 1)
            },
            random.numbers(1, heads),
        ]
    }

    static var cases: [KernelCase] {
        [(1, 1), (65, 3), (63, 64), (131, 8), (1031, 4)].flatMap { rows, heads in
            [ElementType.float32, .bfloat16].map { type in
                test("\(rows) rows, \(heads) heads, sinks \(type)", mustBeInPlace: true, AttentionSinkGradient()) {
                    inputs(&$0, rows: rows, heads: heads, type)
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("1024 rows, 64 heads", mustBeInPlace: true, AttentionSinkGradient()) {
                inputs(&$0, rows: 1024, heads: 64, .float32)
            }
        ]
    }
}
