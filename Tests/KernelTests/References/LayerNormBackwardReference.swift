import Graph
import Tensors

enum LayerNormBackwardReference: KernelReference {
    static func outputs(_ operation: LayerNormBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x, weight, statistics) = (inputs[0], inputs[1], inputs[2], inputs[3])
        let count = Bounded(Double(x.columns))
        var result = Expected(rows: x.rows, columns: x.columns)
        for row in 0..<x.rows {
            let (mean, r) = (statistics.number(row, 0), statistics.number(row, 1))
            let g = (0..<x.columns).map { dy.number(row, $0) * weight.number(0, $0) }
            let distances = (0..<x.columns).map { x.number(row, $0) - mean }
            let shift = r / count * Bounded.sum(g)
            let slope = r * r * r / count * Bounded.sum(zip(g, distances).map { $0 * $1 })
            for column in 0..<x.columns {
                var dx = r * g[column] - shift - distances[column] * slope
                if operation.hasAddend { dx = dx + inputs[4].number(row, column) }
                result[row, column] = dx
            }
        }
        return [result]
    }

    static func inputs(
        _ random: inout CaseRandom, _ operation: LayerNormBackward, _ rows: Int, _ columns: Int, _ dy: ElementType, _ x: ElementType,
        _ weight: ElementType
    ) -> [Operand] {
        [
            random.numbers(rows, columns, dy), random.numbers(rows, columns, x, in: -3...3), random.numbers(1, columns, weight),
            random.numbers(rows, 2, in: 0.5...2),
        ] + (operation.hasAddend ? [random.numbers(rows, columns, operation.outputType)] : [])
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType, ElementType, ElementType)] = [
            (.float32, .float32, .float32, .float32), (.bfloat16, .float32, .bfloat16, .float32),
            (.bfloat16, .bfloat16, .bfloat16, .bfloat16),
            (.float16, .float16, .float32, .float16), (.float16, .float32, .float16, .float32), (.float32, .float32, .bfloat16, .float32),
        ]
        return (LayerNormReference.sizes + [(9, 1)]).flatMap { rows, columns in
            types.flatMap { dy, x, weight, output in
                [false, true].map { hasAddend in
                    let operation = LayerNormBackward(hasAddend: hasAddend, outputType: output)
                    return test(
                        "\(rows)x\(columns) \(dy) \(x) \(weight) to \(output)\(hasAddend ? " + addend" : "")",
                        activations: [dy, x, output], operation
                    ) { inputs(&$0, operation, rows, columns, dy, x, weight) }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [576, 3072].map { columns in
            let operation = LayerNormBackward(hasAddend: true)
            return test("1024x\(columns)", operation) { inputs(&$0, operation, 1024, columns, .float32, .float32, .float32) }
        }
    }
}
