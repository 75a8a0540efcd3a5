import Graph
import Tensors

enum GatedActivationReference: KernelReference {
    /// The curve and its derivative.
    static func curve(_ function: ActivationFunction, _ x: Bounded) -> (value: Bounded, slope: Bounded) {
        switch function {
        case .silu:
            let sigmoid = Bounded.sigmoid(x)
            return (x * sigmoid, sigmoid * (1 + x * (1 - sigmoid)))
        case .gelu:
            let share = Bounded.normalShare(x)
            return (x * share, share + x * Bounded.normalDensity(x))
        case .geluTanh:
            let factor = Bounded((2 / Double.pi).squareRoot(), error: Bounded.roundoff)
            let square = x * x
            let curve = Bounded.hyperbolicTangent(factor * (x + Bounded(0.044715) * square * x))
            let inner = factor * (1 + Bounded(0.134145) * square)
            let half = Bounded(0.5) * (1 + curve)
            return (x * half, half + Bounded(0.5) * x * (1 - curve * curve) * inner)
        }
    }

    static func outputs(_ operation: GatedActivation, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) {
                curve(operation.function, inputs[0].number($0, $1)).value * inputs[1].number($0, $1)
            }
        ]
    }

    static var cases: [KernelCase] {
        ActivationFunction.allCases.flatMap { function in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(function.rawValue) \(size) \(type)", activations: [type], GatedActivation(function)) {
                        [$0.numbers(size.rows, size.columns, type, in: -9...9), $0.numbers(size.rows, size.columns, type)]
                    }
                }
            } + [
                test("\(function.rawValue) of large numbers", GatedActivation(function)) {
                    [$0.numbers(9, 64, in: -300...300), $0.numbers(9, 64)]
                }
            ]
        }
    }

    static var timings: [KernelCase] {
        [172, 1536].flatMap { columns in
            [ActivationFunction.silu, .geluTanh].map { function in
                test("\(function.rawValue) 1024x\(columns)", GatedActivation(function)) {
                    [$0.numbers(1024, columns), $0.numbers(1024, columns)]
                }
            }
        }
    }
}
