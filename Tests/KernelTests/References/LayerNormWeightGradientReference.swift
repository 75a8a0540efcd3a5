import Graph
import Tensors

enum LayerNormWeightGradientReference: KernelReference {
    static func outputs(_ operation: LayerNormWeightGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x, statistics, accumulator) = (inputs[0], inputs[1], inputs[2], inputs[3])
        return [
            Expected(rows: 1, columns: accumulator.columns) { _, column in
                .sum(
                    [accumulator.number(0, column)]
                        + (0..<dy.rows).map { row in
                            dy.number(row, column) * (x.number(row, column) - statistics.number(row, 0)) * statistics.number(row, 1)
                        })
            }
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ dy: ElementType, _ x: ElementType) -> [Operand] {
        [
            random.numbers(rows, columns, dy), random.numbers(rows, columns, x), random.numbers(rows, 2, in: 0.5...2),
            random.numbers(1, columns),
        ]
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.float16, .float16), (.bfloat16, .float32), (.float16, .float32),
        ]
        return [(1, 1), (65, 63), (33, 24), (7, 1031), (300, 64), (5, 128)].flatMap { rows, columns in
            types.map { dy, x in
                test("\(rows)x\(columns) \(dy) \(x)", activations: [dy, x], mustBeInPlace: true, LayerNormWeightGradient()) {
                    inputs(&$0, rows, columns, dy, x)
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [576, 3072].map { columns in
            test("1024x\(columns)", mustBeInPlace: true, LayerNormWeightGradient()) {
                inputs(&$0, 1024, columns, .float32, .float32)
            }
        }
    }
}
