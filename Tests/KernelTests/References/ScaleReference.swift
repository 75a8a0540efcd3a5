import Graph
import Tensors

enum ScaleReference: KernelReference {
    static func outputs(_ operation: Scale, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [Expected(rows: types[0].rows, columns: types[0].columns) { Bounded(operation.factor) * inputs[0].number($0, $1) }]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { type in
            awkwardSizes.map { size in
                test("\(size) \(type)", activations: [type], Scale(by: 0.22)) { [$0.numbers(size.rows, size.columns, type)] }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x1536", Scale(by: 0.22)) { [$0.numbers(1024, 1536)] }]
    }
}
