import Graph
import Tensors

enum AddReference: KernelReference {
    static func outputs(_ operation: Add, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [Expected(rows: types[0].rows, columns: types[0].columns) { inputs[0].number($0, $1) + inputs[1].number($0, $1) }]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { a in
            allActivationTypes.flatMap { b in
                awkwardSizes.map { size in
                    test("\(size) \(a) + \(b)", activations: [a, b], Add()) {
                        [$0.numbers(size.rows, size.columns, a), $0.numbers(size.rows, size.columns, b)]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [(1024, 64), (1024, 576)].map { rows, columns in
            test("\(rows)x\(columns)", Add()) { [$0.numbers(rows, columns), $0.numbers(rows, columns)] }
        }
    }
}
