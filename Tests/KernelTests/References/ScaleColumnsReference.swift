import Graph
import Tensors

enum ScaleColumnsReference: KernelReference {
    static func outputs(_ operation: ScaleColumns, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) {
                inputs[0].number($0, $1) * (inputs[1].number(0, $1) * inputs[2].number(0, $1))
            }
        ]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { type in
            awkwardSizes.map { size in
                test("\(size) \(type)", activations: [type], ScaleColumns()) {
                    [
                        $0.numbers(size.rows, size.columns, type), $0.numbers(1, size.columns, in: -3...3),
                        $0.numbers(1, size.columns, in: 0...2),
                    ]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x896", ScaleColumns()) { [$0.numbers(1024, 896), $0.numbers(1, 896), $0.numbers(1, 896)] }]
    }
}
