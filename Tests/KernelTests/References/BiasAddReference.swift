import Graph
import Tensors

enum BiasAddReference: KernelReference {
    static func outputs(_ operation: BiasAdd, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [Expected(rows: types[0].rows, columns: types[0].columns) { inputs[0].number($0, $1) + inputs[1].number(0, $1) }]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { x in
            allActivationTypes.flatMap { bias in
                awkwardSizes.map { size in
                    test("\(size) \(x) + \(bias)", activations: [x], BiasAdd()) {
                        [$0.numbers(size.rows, size.columns, x), $0.numbers(1, size.columns, bias)]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x896", BiasAdd()) { [$0.numbers(1024, 896), $0.numbers(1, 896)] }]
    }
}
