import Graph
import Tensors

enum LionReference: KernelReference {
    static func outputs(_ operation: Lion, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        var results = Array(repeating: Expected(rows: rows, columns: columns), count: 3)
        let (norm, factor, rate) = (inputs[3][0, 0], inputs[3].number(0, 1), inputs[4].number(0, 0))
        // The decimal numbers that were meant: the difference of 1 and a float32 number near it has
        // few correct digits.
        let meant = { (beta: Float) in Bounded(Double("\(beta)") ?? Double(beta), error: Bounded.roundoff) }
        let rest = { (beta: Float) in Bounded(1 - meant(beta).value, error: Bounded.roundoff * (1 - meant(beta).value)) }
        for row in 0..<rows {
            for column in 0..<columns {
                results[1][row, column] = 0
                guard norm.isFinite else {
                    for index in [0, 2] { results[index][row, column] = inputs[index].number(row, column) }
                    continue
                }
                let gradient = factor * inputs[1].number(row, column)
                let momentum = inputs[2].number(row, column)
                let direction = meant(operation.beta1) * momentum + rest(operation.beta1) * gradient
                // A sum that rounding can push over zero may move the parameter either way.
                let isUncertain = direction.value != 0 && abs(direction.value) <= direction.error
                let sign = Bounded(direction.value > 0 ? 1 : direction.value < 0 ? -1 : 0, error: isUncertain ? 2 : 0)
                let decayed = inputs[0].number(row, column) * (Bounded(1) - rate * Bounded(operation.weightDecay))
                results[0][row, column] = decayed - rate * sign
                results[2][row, column] = meant(operation.beta2) * momentum + rest(operation.beta2) * gradient
            }
        }
        return results
    }

    static let operation = Lion(beta1: 0.9, beta2: 0.99, weightDecay: 0.1)

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns), random.numbers(rows, columns),
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
            random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([3e-4, 0, 0, 0][column]) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.map { size in test("\(size)", mustBeInPlace: true, operation) { inputs(&$0, size.rows, size.columns) } } + [
            test("infinite norm", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .infinity) },
            test("norm that is not a number", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .nan) },
            test("no decay", mustBeInPlace: true, Lion(beta1: 0.95, beta2: 0.98, weightDecay: 0)) { inputs(&$0, 9, 256) },
            test("nothing moves where momentum and gradient are zero", mustBeInPlace: true, operation) { random in
                var operands = inputs(&random, 3, 40)
                for index in [1, 2] { operands[index] = random.operand(3, 40, .float32) { _, _, _ in ElementType.float32.stored(0) } }
                return operands
            },
        ]
    }

    static var timings: [KernelCase] {
        [220, 4096].map { rows in test("\(rows)x256", mustBeInPlace: true, operation) { inputs(&$0, rows, 256) } }
    }
}
