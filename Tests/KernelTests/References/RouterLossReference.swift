import Graph
import Tensors

enum RouterLossReference: KernelReference {
    static func outputs(_ operation: RouterLoss, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (sums, count) = (inputs[0], inputs[0].columns)
        let rows = Bounded.sum((0..<count).map { sums.number(0, $0) }) / Bounded(Double(operation.count))
        let factor = rows.value > 0 ? Bounded(operation.coefficient) * Bounded(Double(count)) / (rows * rows) : 0
        let product = Bounded.sum((0..<count).map { sums.number(0, $0) * sums.number(1, $0) })
        return [
            Expected(rows: 1, columns: 1) { _, _ in factor * product },
            Expected(rows: 2, columns: count) { row, expert in
                row == 0 ? 0 : factor * inputs[1].number(0) * sums.number(0, expert)
            },
        ]
    }

    static var cases: [KernelCase] {
        [(1, 1), (5, 2), (64, 8), (300, 3)].flatMap { experts, count in
            [false, true].map { isEmpty in
                test("\(experts) experts\(isEmpty ? ", no rows" : "")", RouterLoss(coefficient: 0.05, count: count)) { random in
                    [
                        random.operand(2, experts, .float32) { row, _, random in
                            isEmpty ? 0 : row == 0 ? Double(random.next() % 50 + 1) : ElementType.float32.stored(9 * random.unit())
                        }, random.numbers(1, 1),
                    ]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("64 experts", RouterLoss(coefficient: 0.05, count: 8)) { [$0.numbers(2, 64, in: 1...9), $0.numbers(1, 1)] }]
    }
}
