import Graph
import Tensors

enum RotaryEmbeddingReference: KernelReference {
    static func outputs(_ operation: RotaryEmbedding, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (x, table, rows) = (inputs[0], inputs[1], inputs[2])
        let half = table.columns / 2
        return [
            Expected(rows: x.rows, columns: x.columns) { row, column in
                let inHead = column % operation.headWidth
                guard inHead < 2 * half else { return x.number(row, column) }
                let position = rows.integer(row)
                let pair = operation.isInterleaved ? inHead / 2 : inHead % half
                let distance = operation.isInterleaved ? 1 : half
                let isFirst = operation.isInterleaved ? inHead % 2 == 0 : inHead < half
                let cosine = table.number(position, pair)
                let sine = operation.isInverse ? -table.number(position, half + pair) : table.number(position, half + pair)
                return isFirst
                    ? x.number(row, column) * cosine - x.number(row, column + distance) * sine
                    : x.number(row, column) * cosine + x.number(row, column - distance) * sine
            }
        ]
    }

    static var cases: [KernelCase] {
        // Rows, heads, width of a head, width that is turned.
        [(1, 1, 2, 2), (65, 3, 24, 24), (63, 2, 16, 12), (33, 9, 64, 64), (7, 1, 257, 130), (20, 8, 8, 8)].flatMap {
            rows, heads, width, turned in
            allActivationTypes.flatMap { type in
                [(false, false), (true, false), (false, true), (true, true)].map { isInverse, isInterleaved in
                    let operation = RotaryEmbedding(headWidth: width, isInverse: isInverse, isInterleaved: isInterleaved)
                    return test(
                        "\(rows) rows, \(heads) heads, \(turned) turned \(type) {\(operation.attributes)}", activations: [type], operation
                    ) { [$0.numbers(rows, heads * width, type), $0.numbers(50, turned), $0.indices(rows, in: 0..<50)] }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [(8, 8), (4, 8), (9, 64)].map { heads, width in
            test("1024 rows, \(heads) heads of \(width)", RotaryEmbedding(headWidth: width)) {
                [$0.numbers(1024, heads * width), $0.numbers(512, width), $0.indices(1024, in: 0..<128)]
            }
        }
    }
}
