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
                let cosine = table.number(position, inHead % half)
                let sine =
                    operation.isInverse ? -table.number(position, half + inHead % half) : table.number(position, half + inHead % half)
                return inHead < half
                    ? x.number(row, column) * cosine - x.number(row, column + half) * sine
                    : x.number(row, column) * cosine + x.number(row, column - half) * sine
            }
        ]
    }

    static var cases: [KernelCase] {
        // Rows, heads, width of a head, width that is turned.
        [(1, 1, 2, 2), (65, 3, 24, 24), (63, 2, 16, 12), (33, 9, 64, 64), (7, 1, 257, 130), (20, 8, 8, 8)].flatMap {
            rows, heads, width, turned in
            allActivationTypes.flatMap { type in
                [false, true].map { isInverse in
                    test(
                        "\(rows) rows, \(heads) heads of \(width), \(turned) turned \(type)\(isInverse ? " inverse" : "")",
                        activations: [type],
                        RotaryEmbedding(headWidth: width, isInverse: isInverse)
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
