import Graph
import Tensors

enum ActivationReference: KernelReference {
    static func outputs(_ operation: Activation, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) {
                GatedActivationReference.curve(operation.function, inputs[0].number($0, $1)).value
            }
        ]
    }

    static var cases: [KernelCase] {
        ActivationFunction.allCases.flatMap { function in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(function.rawValue) \(size) \(type)", activations: [type], Activation(function)) {
                        [$0.numbers(size.rows, size.columns, type, in: -9...9)]
                    }
                }
            } + [test("\(function.rawValue) of large numbers", Activation(function)) { [$0.numbers(9, 64, in: -300...300)] }]
        }
    }

    static var timings: [KernelCase] {
        ActivationFunction.allCases.map { function in
            test("\(function.rawValue) 1024x1536", Activation(function)) { [$0.numbers(1024, 1536)] }
        }
    }
}
