import Graph
import Tensors

enum MuonMomentumReference: KernelReference {
    static func outputs(_ operation: MuonMomentum, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        var results = Array(repeating: Expected(rows: rows, columns: columns) { _, _ in 0 }, count: 3)
        let meant = Double("\(operation.momentum)") ?? 0
        let (decay, rest) = (Bounded(operation.momentum), Bounded(1 - meant, error: Bounded.roundoff))
        for row in 0..<rows {
            for column in 0..<columns {
                let momentum = inputs[1].number(row, column)
                results[2][row, column] = momentum
                guard inputs[2][0, 0].isFinite else { continue }
                let share = rest * (inputs[0].number(row, column) * inputs[2].number(0, 1))
                let mean = decay * momentum + share
                results[2][row, column] = mean
                results[0][row, column] = operation.isNesterov ? decay * mean + share : mean
            }
        }
        return results
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns),
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.flatMap { size in
            [true, false].map { isNesterov in
                test("\(size) nesterov \(isNesterov)", mustBeInPlace: true, MuonMomentum(momentum: 0.95, isNesterov: isNesterov)) {
                    inputs(&$0, size.rows, size.columns)
                }
            }
        } + [
            test("infinite norm", mustBeInPlace: true, MuonMomentum(momentum: 0.95, isNesterov: true)) {
                inputs(&$0, 5, 33, norm: .infinity)
            }
        ]
    }

    static var timings: [KernelCase] {
        [test("576x1536", mustBeInPlace: true, MuonMomentum(momentum: 0.95, isNesterov: true)) { inputs(&$0, 576, 1536) }]
    }
}
