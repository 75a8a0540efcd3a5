import Graph
import Tensors

enum RouterBalanceBackwardReference: KernelReference {
    static func outputs(_ operation: RouterBalanceBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns) { _, _ in 0 }
        for row in 0..<types[0].rows where RouterBalanceReference.isToken(inputs[2], row) {
            let shares = RouterBalanceReference.softmax(Array(inputs[1].row(row)))
            let mean = Bounded.sum(shares.enumerated().map { inputs[0].number(1, $0.offset) * $0.element })
            for (expert, share) in shares.enumerated() { result[row, expert] = share * (inputs[0].number(1, expert) - mean) }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        ExpertOrderReference.sizes.map { size in
            test("\(size)", RouterBalanceBackward()) { random in
                [
                    random.numbers(2, size.experts), ExpertChoiceReference.logits(&random, size.rows, size.experts),
                    RouterBalanceReference.ranges(&random, size.rows),
                ]
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("2048 of 64", RouterBalanceBackward()) { random in
                [
                    random.numbers(2, 64), ExpertChoiceReference.logits(&random, 2048, 64),
                    RouterBalanceReference.ranges(&random, 2048),
                ]
            }
        ]
    }
}
