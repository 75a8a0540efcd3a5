import Graph
import Tensors

enum SGDReference: KernelReference {
    static func outputs(_ operation: SGD, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        var results = Array(repeating: Expected(rows: rows, columns: columns), count: 3)
        let (norm, factor, rate) = (inputs[3][0, 0], inputs[3].number(0, 1), inputs[4].number(0, 0))
        let momentum = Bounded(operation.momentum)
        for row in 0..<rows {
            for column in 0..<columns {
                results[1][row, column] = 0
                guard norm.isFinite else {
                    for index in [0, 2] { results[index][row, column] = inputs[index].number(row, column) }
                    continue
                }
                let parameter = inputs[0].number(row, column)
                let gradient = factor * inputs[1].number(row, column) + Bounded(operation.weightDecay) * parameter
                let velocity = momentum * inputs[2].number(row, column) + gradient
                results[0][row, column] = parameter - rate * (operation.isNesterov ? gradient + momentum * velocity : velocity)
                results[2][row, column] = velocity
            }
        }
        return results
    }

    static let operation = SGD(momentum: 0.9, isNesterov: false, weightDecay: 0.01)

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns), random.numbers(rows, columns),
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
            random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([5e-2, 0, 0, 0][column]) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.map { size in test("\(size)", mustBeInPlace: true, operation) { inputs(&$0, size.rows, size.columns) } } + [
            test("infinite norm", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .infinity) },
            test("norm that is not a number", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .nan) },
            test("Nesterov's form", mustBeInPlace: true, SGD(momentum: 0.95, isNesterov: true, weightDecay: 0)) { inputs(&$0, 9, 256) },
            test("no momentum", mustBeInPlace: true, SGD(momentum: 0, isNesterov: false, weightDecay: 0.1)) { inputs(&$0, 9, 40) },
        ]
    }

    static var timings: [KernelCase] {
        [220, 4096].map { rows in test("\(rows)x256", mustBeInPlace: true, operation) { inputs(&$0, rows, 256) } }
    }
}
