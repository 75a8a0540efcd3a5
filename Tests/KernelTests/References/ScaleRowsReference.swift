import Graph
import Tensors

enum ScaleRowsReference: KernelReference {
    static func outputs(_ operation: ScaleRows, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let place = operation.hasPlaces ? inputs[2].integer(row) : row
                return place < 0 ? 0 : inputs[0].number(row, column) * inputs[1].number(place)
            }
        ]
    }

    /// Every fourth row is to become zero; the others share their factors.
    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType, factors: Int) -> [Operand] {
        [
            random.numbers(rows, columns, type), random.numbers(factors, 1, in: -3...3),
            random.operand(rows, 1, .int32) { row, _, random in row % 4 == 3 ? -1 : Double(random.next() % UInt64(factors)) },
        ]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { type in
            awkwardSizes.map { size in
                test("\(size) \(type)", activations: [type], ScaleRows()) {
                    inputs(&$0, size.rows, size.columns, type, factors: max(1, size.rows / 3))
                }
            }
        }
            + awkwardSizes.map { size in
                test("\(size), a factor a row", ScaleRows(hasPlaces: false)) {
                    [$0.numbers(size.rows, size.columns), $0.numbers(size.rows, 1, in: -3...3)]
                }
            }
    }

    static var timings: [KernelCase] {
        [test("1024x576", ScaleRows()) { inputs(&$0, 1024, 576, .float32, factors: 16) }]
    }
}
