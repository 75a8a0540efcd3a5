import Graph
import Tensors

enum ClampedGateBackwardReference: KernelReference {
    static func outputs(_ operation: ClampedGateBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, gate, up) = (inputs[0], inputs[1], inputs[2])
        let parts = { ClampedGateReference.parts(operation.shape, gate.number($0, $1), up.number($0, $1)) }
        return [
            Expected(rows: dy.rows, columns: dy.columns) {
                let parts = parts($0, $1)
                return parts.isGateCut ? 0 : dy.number($0, $1) * parts.factor * parts.slope
            },
            Expected(rows: dy.rows, columns: dy.columns) {
                let parts = parts($0, $1)
                return parts.isUpCut ? 0 : dy.number($0, $1) * parts.value
            },
        ]
    }

    private static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType, limit: Double = 9) -> [Operand]
    {
        [
            random.numbers(rows, columns, type), random.numbers(rows, columns, type, in: -limit...limit),
            random.numbers(rows, columns, type, in: -limit...limit),
        ]
    }

    static var cases: [KernelCase] {
        ClampedGateReference.shapes.flatMap { shape in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(shape.limit) \(size) \(type)", activations: [type], ClampedGateBackward(shape)) {
                        inputs(&$0, size.rows, size.columns, type)
                    }
                }
            } + [
                test("\(shape.limit) of large numbers", ClampedGateBackward(shape)) { inputs(&$0, 9, 64, .float32, limit: 300) }
            ]
        }
    }

    static var timings: [KernelCase] {
        [test("4096x2880", ClampedGateBackward(ClampedGateReference.shapes[0])) { inputs(&$0, 4096, 2880, .float32) }]
    }
}
