import Graph
import Tensors

enum ColumnSumReference: KernelReference {
    static func outputs(_ operation: ColumnSum, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: 1, columns: types[0].columns) { _, column in
                .sum((0..<inputs[0].rows).map { inputs[0].number($0, column) } + [inputs[1].number(0, column)])
            }
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.flatMap { size in
            allActivationTypes.map { type in
                test("\(size) \(type)", activations: [type], mustBeInPlace: true, ColumnSum()) {
                    [$0.numbers(size.rows, size.columns, type), $0.numbers(1, size.columns)]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x896", mustBeInPlace: true, ColumnSum()) { [$0.numbers(1024, 896), $0.numbers(1, 896)] }]
    }
}
