import Graph
import Tensors

enum MuonStepReference: KernelReference {
    static func outputs(_ operation: MuonStep, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let rate = inputs[3].number(0, 0)
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let parameter = inputs[0].number(row, column)
                guard inputs[2][0, 0].isFinite else { return parameter }
                return parameter * (1 - rate * Bounded(operation.weightDecay))
                    - rate * Bounded(operation.scale) * inputs[1].number(row, column)
            }
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns),
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
            random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([0.02, 0, 0, 0][column]) },
        ]
    }

    static var cases: [KernelCase] {
        let operation = MuonStep(scale: 1.5, weightDecay: 0.1)
        return awkwardSizes.map { size in test("\(size)", mustBeInPlace: true, operation) { inputs(&$0, size.rows, size.columns) } } + [
            test("norm that is not a number", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .nan) }
        ]
    }

    static var timings: [KernelCase] {
        [test("576x1536", mustBeInPlace: true, MuonStep(scale: 1, weightDecay: 0.1)) { inputs(&$0, 576, 1536) }]
    }
}
