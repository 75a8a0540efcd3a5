import Graph
import Tensors

enum ActivationBackwardReference: KernelReference {
    static func outputs(_ operation: ActivationBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x) = (inputs[0], inputs[1])
        return [
            Expected(rows: dy.rows, columns: dy.columns) {
                dy.number($0, $1) * GatedActivationReference.curve(operation.function, x.number($0, $1)).slope
            }
        ]
    }

    static var cases: [KernelCase] {
        ActivationFunction.allCases.flatMap { function in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(function.rawValue) \(size) \(type)", activations: [type], ActivationBackward(function)) {
                        [$0.numbers(size.rows, size.columns, type), $0.numbers(size.rows, size.columns, type, in: -9...9)]
                    }
                }
            } + [
                test("\(function.rawValue) of large numbers", ActivationBackward(function)) {
                    [$0.numbers(9, 64), $0.numbers(9, 64, in: -300...300)]
                }
            ]
        }
    }

    static var timings: [KernelCase] {
        ActivationFunction.allCases.map { function in
            test("\(function.rawValue) 1024x1536", ActivationBackward(function)) { [$0.numbers(1024, 1536), $0.numbers(1024, 1536)] }
        }
    }
}
