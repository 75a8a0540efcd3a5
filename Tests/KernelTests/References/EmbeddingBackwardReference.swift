import Graph
import Tensors

enum EmbeddingBackwardReference: KernelReference {
    static func outputs(_ operation: EmbeddingBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var terms: [Int: [Int]] = [:]
        for row in 0..<inputs[0].rows { terms[inputs[1].integer(row) - operation.firstRow, default: []].append(row) }
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for (target, rows) in terms where (0..<types[0].rows).contains(target) {
            for column in 0..<types[0].columns {
                result[target, column] = .sum(
                    [inputs[2].number(target, column)] + rows.map { Bounded(operation.scale) * inputs[0].number($0, column) })
            }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        [(1, 1, 1), (65, 63, 17), (200, 130, 7), (33, 257, 64)].flatMap { tokens, columns, vocabulary in
            allActivationTypes.map { type in
                test("\(tokens) into \(vocabulary)x\(columns) \(type)", activations: [type], mustBeInPlace: true, EmbeddingBackward()) {
                    [$0.numbers(tokens, columns, type), $0.indices(tokens, in: 0..<vocabulary), $0.numbers(vocabulary, columns)]
                }
            }
        } + [
            test("a piece of the table", mustBeInPlace: true, EmbeddingBackward(scale: 8, firstRow: 20)) {
                [$0.numbers(64, 31), $0.indices(64, in: 0..<50), $0.numbers(11, 31)]
            }
        ]
    }

    static var timings: [KernelCase] {
        [(512, 64), (49152, 576)].map { vocabulary, columns in
            test("1024 into \(vocabulary)x\(columns)", mustBeInPlace: true, EmbeddingBackward()) {
                [$0.numbers(1024, columns), $0.indices(1024, in: 0..<vocabulary), $0.numbers(vocabulary, columns)]
            }
        }
    }
}
