import Graph
import Tensors

enum AdamWReference: KernelReference {
    static func outputs(_ operation: AdamW, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        var results = Array(repeating: Expected(rows: rows, columns: columns), count: 4)
        let (norm, factor) = (inputs[4][0, 0], inputs[4].number(0, 1))
        let (rate, correction1, correction2) = (inputs[5].number(0, 0), inputs[5].number(0, 1), inputs[5].number(0, 2))
        // The decimal numbers that were meant: the difference of 1 and a float32 number near it has
        // few correct digits.
        let meant = { (beta: Float) in Bounded(Double("\(beta)") ?? Double(beta), error: Bounded.roundoff) }
        let (beta1, beta2, one) = (meant(operation.beta1), meant(operation.beta2), Bounded(1))
        let rest = { (beta: Float) in Bounded(1 - meant(beta).value, error: Bounded.roundoff * (1 - meant(beta).value)) }
        for row in 0..<rows {
            for column in 0..<columns {
                results[1][row, column] = 0
                guard norm.isFinite else {
                    for index in [0, 2, 3] { results[index][row, column] = inputs[index].number(row, column) }
                    continue
                }
                let gradient = factor * inputs[1].number(row, column)
                let decayed = inputs[0].number(row, column) * (one - rate * Bounded(operation.weightDecay))
                let moment = inputs[2].number(row, column)
                var first = beta1 * moment + rest(operation.beta1) * gradient
                // PyTorch's form, `m + (1 - beta1) * (g - m)`, is as good and rounds at the size of
                // its operands.
                first.error += 4 * Bounded.roundoff * (abs(moment.value) + abs(gradient.value))
                let second = beta2 * inputs[3].number(row, column) + rest(operation.beta2) * gradient * gradient
                let denominator = Bounded.squareRoot(second) / Bounded.squareRoot(correction2) + Bounded(operation.epsilon)
                results[0][row, column] = decayed - rate / correction1 * (first / denominator)
                results[2][row, column] = first
                results[3][row, column] = second
            }
        }
        return results
    }

    static let operation = AdamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01)

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns), random.numbers(rows, columns),
            random.numbers(rows, columns, in: 0.01...1),
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
            random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([1e-3, 0.271, 0.0029, 0][column]) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.map { size in test("\(size)", mustBeInPlace: true, operation) { inputs(&$0, size.rows, size.columns) } } + [
            test("infinite norm", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .infinity) },
            test("norm that is not a number", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .nan) },
            test("no decay", mustBeInPlace: true, AdamW(beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0)) { inputs(&$0, 9, 256) },
        ]
    }

    static var timings: [KernelCase] {
        [220, 4096].map { rows in test("\(rows)x256", mustBeInPlace: true, operation) { inputs(&$0, rows, 256) } }
    }
}
