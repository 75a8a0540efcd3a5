import Graph
import Tensors

enum MultiplyReference: KernelReference {
    static func outputs(_ operation: Multiply, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [Expected(rows: types[0].rows, columns: types[0].columns) { inputs[0].number($0, $1) * inputs[1].number($0, $1) }]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { type in
            awkwardSizes.map { size in
                test("\(size) \(type)", activations: [type], Multiply()) {
                    [$0.numbers(size.rows, size.columns, type), $0.numbers(size.rows, size.columns, type)]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x2048", Multiply()) { [$0.numbers(1024, 2048), $0.numbers(1024, 2048)] }]
    }
}
