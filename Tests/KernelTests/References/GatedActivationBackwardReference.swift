import Graph
import Tensors

enum GatedActivationBackwardReference: KernelReference {
    static func outputs(_ operation: GatedActivationBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, gate, up) = (inputs[0], inputs[1], inputs[2])
        let curve = { GatedActivationReference.curve(operation.function, gate.number($0, $1)) }
        return [
            Expected(rows: dy.rows, columns: dy.columns) { dy.number($0, $1) * up.number($0, $1) * curve($0, $1).slope },
            Expected(rows: dy.rows, columns: dy.columns) { dy.number($0, $1) * curve($0, $1).value },
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType, limit: Double = 9) -> [Operand] {
        [random.numbers(rows, columns, type), random.numbers(rows, columns, type, in: -limit...limit), random.numbers(rows, columns, type)]
    }

    static var cases: [KernelCase] {
        ActivationFunction.allCases.flatMap { function in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(function.rawValue) \(size) \(type)", activations: [type], GatedActivationBackward(function)) {
                        inputs(&$0, size.rows, size.columns, type)
                    }
                }
            } + [
                test("\(function.rawValue) of large numbers", GatedActivationBackward(function)) {
                    inputs(&$0, 9, 64, .float32, limit: 300)
                }
            ]
        }
    }

    static var timings: [KernelCase] {
        [172, 1536].flatMap { columns in
            [ActivationFunction.silu, .geluTanh].map { function in
                test("\(function.rawValue) 1024x\(columns)", GatedActivationBackward(function)) { inputs(&$0, 1024, columns, .float32) }
            }
        }
    }
}
