import Graph
import Tensors

enum ExpertBiasReference: KernelReference {
    static func outputs(_ operation: ExpertBias, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for expert in 0..<inputs[1].rows {
            for row in inputs[2].integer(expert)..<inputs[2].integer(expert + 1) {
                for column in 0..<types[0].columns {
                    result[row, column] = inputs[0].number(row, column) + inputs[1].number(expert, column)
                }
            }
        }
        return [result]
    }

    static let sizes: [(rows: Int, experts: Int, columns: Int)] = [
        (1, 1, 1), (1, 5, 65), (3, 4, 7), (17, 4, 33), (64, 2, 257), (131, 7, 17), (260, 9, 40),
    ]

    static var cases: [KernelCase] {
        sizes.flatMap { size in
            allActivationTypes.flatMap { type in
                ExpertOrderReference.Fall.allCases.flatMap { fall in
                    [ElementType.float32, .bfloat16].map { bias in
                        test("\(size) \(fall) \(type) + \(bias)", activations: [type], ExpertBias()) {
                            [
                                $0.numbers(size.rows, size.columns, type), $0.numbers(size.experts, size.columns, bias),
                                GroupedProductReference.offsets(&$0, rows: size.rows, groups: size.experts, fall),
                            ]
                        }
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("4096x2880 of 32 experts", ExpertBias()) {
                [
                    $0.numbers(4096, 2880, .bfloat16), $0.numbers(32, 2880, .bfloat16),
                    GroupedProductReference.offsets(&$0, rows: 4096, groups: 32, .random),
                ]
            }
        ]
    }
}
