import Graph
import Tensors

enum AttentionDeltaReference: KernelReference {
    static func outputs(_ operation: AttentionDelta, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let width = inputs[0].columns / operation.headCount
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, head in
                .dot(AttentionReference.head(inputs[0], row, head, width), AttentionReference.head(inputs[1], row, head, width))
            }
        ]
    }

    static var cases: [KernelCase] {
        [(1, 1, 7), (65, 3, 24), (63, 9, 64), (17, 2, 256), (131, 8, 8)].flatMap { rows, heads, width in
            allActivationTypes.map { type in
                test("\(rows) rows, \(heads) heads of \(width) \(type)", activations: [type], AttentionDelta(headCount: heads)) {
                    [$0.numbers(rows, heads * width, type), $0.numbers(rows, heads * width, type)]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [(8, 8), (9, 64)].map { heads, width in
            test("1024 rows, \(heads) heads of \(width)", AttentionDelta(headCount: heads)) {
                [$0.numbers(1024, heads * width), $0.numbers(1024, heads * width)]
            }
        }
    }
}
