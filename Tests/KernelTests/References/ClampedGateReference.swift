import Graph
import Tensors

enum ClampedGateReference: KernelReference {
    /// `f(g)`, `f'(g)` and `u + 1`, and whether gate and up were cut.
    static func parts(
        _ shape: ClampedGateShape, _ gate: Bounded, _ up: Bounded
    ) -> (value: Bounded, slope: Bounded, factor: Bounded, isGateCut: Bool, isUpCut: Bool) {
        let limit = Double(shape.limit)
        let g = Bounded(min(gate.value, limit))
        let u = Bounded(max(-limit, min(up.value, limit)))
        let alpha = Bounded(shape.alpha)
        let s = Bounded.sigmoid(alpha * g)
        return (g * s, s + alpha * g * s * (1 - s), u + 1, gate.value > limit, abs(up.value) > limit)
    }

    static func outputs(_ operation: ClampedGate, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) {
                let parts = parts(operation.shape, inputs[0].number($0, $1), inputs[1].number($0, $1))
                return parts.factor * parts.value
            }
        ]
    }

    static let shapes = [ClampedGateShape(alpha: 1.702, limit: 7), ClampedGateShape(alpha: 1, limit: 0.75)]

    static var cases: [KernelCase] {
        shapes.flatMap { shape in
            allActivationTypes.flatMap { type in
                awkwardSizes.map { size in
                    test("\(shape.limit) \(size) \(type)", activations: [type], ClampedGate(shape)) {
                        [
                            $0.numbers(size.rows, size.columns, type, in: -9...9),
                            $0.numbers(size.rows, size.columns, type, in: -9...9),
                        ]
                    }
                }
            } + [
                test("\(shape.limit) of large numbers", ClampedGate(shape)) {
                    [$0.numbers(9, 64, in: -300...300), $0.numbers(9, 64, in: -300...300)]
                }
            ]
        }
    }

    static var timings: [KernelCase] {
        [test("4096x2880", ClampedGate(shapes[0])) { [$0.numbers(4096, 2880), $0.numbers(4096, 2880)] }]
    }
}
