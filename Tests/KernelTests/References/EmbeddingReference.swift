import Graph
import Quantization
import Tensors

enum EmbeddingReference: KernelReference {
    static func outputs(_ operation: Embedding, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for row in 0..<types[0].rows {
            let source = inputs[1].integer(row) - operation.firstRow
            guard (0..<inputs[0].rows).contains(source) else { continue }
            for column in 0..<types[0].columns {
                let number =
                    operation.blocks.map { format in Bounded(BlockDefinition.number(column, format) { inputs[0].integer(source, $0) }) }
                    ?? inputs[0].number(source, column)
                result[row, column] = Bounded(operation.scale) * number
            }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        [(1, 1, 1), (65, 63, 17), (33, 257, 64)].flatMap { tokens, columns, vocabulary in
            allActivationTypes.flatMap { table in
                allActivationTypes.map { output in
                    test(
                        "\(tokens) of \(vocabulary)x\(columns) \(table) to \(output)", activations: [output], Embedding(outputType: output)
                    ) {
                        [$0.numbers(vocabulary, columns, table), $0.indices(tokens, in: 0..<vocabulary)]
                    }
                }
            }
        } + [
            test("a piece of the table", Embedding(scale: 8, firstRow: 20)) { [$0.numbers(11, 31), $0.indices(64, in: 0..<50)] },
            test("a factor", Embedding(scale: 22.627417)) { [$0.numbers(50, 64), $0.indices(64, in: 0..<50)] },
        ]
            + BlockFormat.allCases.flatMap { format in
                [ElementType.float32, .bfloat16].map { output in
                    test(
                        "\(format.rawValue) to \(output)", activations: [output],
                        Embedding(scale: 1.5, outputType: output, firstRow: 3, blocks: format)
                    ) {
                        [BlockDefinition.rows(&$0, format, rows: 17, columns: 3 * format.blockLength), $0.indices(33, in: 0..<24)]
                    }
                }
            }
    }

    static var timings: [KernelCase] {
        [(512, 64), (49152, 576)].map { vocabulary, columns in
            test("1024 of \(vocabulary)x\(columns)", Embedding()) {
                [$0.numbers(vocabulary, columns), $0.indices(1024, in: 0..<vocabulary)]
            }
        }
    }
}
