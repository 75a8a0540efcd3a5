import Graph
import Tensors

enum RMSNormBackwardReference: KernelReference {
    static func outputs(_ operation: RMSNormBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x, weight, inverse) = (inputs[0], inputs[1], inputs[2], inputs[3])
        let width = weight.columns
        var result = Expected(rows: x.rows, columns: x.columns)
        for row in 0..<x.rows {
            for group in 0..<operation.groupCount {
                let columns = (group * width)..<((group + 1) * width)
                let g = columns.map { dy.number(row, $0) * (Bounded(operation.weightOffset) + weight.number(0, $0 % width)) }
                let r = inverse.number(row, group)
                let sum = Bounded.sum(zip(g, columns).map { $0 * x.number(row, $1) })
                let common = r * r * r / Bounded(Double(width)) * sum
                for (g, column) in zip(g, columns) {
                    var dx = r * g - x.number(row, column) * common
                    if operation.hasAddend { dx = dx + inputs[4].number(row, column) }
                    result[row, column] = dx
                }
            }
        }
        return [result]
    }

    static func inputs(
        _ random: inout CaseRandom, _ operation: RMSNormBackward, _ rows: Int, _ width: Int, _ dy: ElementType, _ x: ElementType,
        _ weight: ElementType
    ) -> [Operand] {
        let columns = operation.groupCount * width
        return [
            random.numbers(rows, columns, dy), random.numbers(rows, columns, x, in: -3...3), random.numbers(1, width, weight),
            random.numbers(rows, operation.groupCount, in: 0.5...2),
        ] + (operation.hasAddend ? [random.numbers(rows, columns, operation.outputType)] : [])
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType, ElementType, ElementType)] = [
            (.float32, .float32, .float32, .float32), (.bfloat16, .float32, .bfloat16, .float32),
            (.bfloat16, .bfloat16, .bfloat16, .bfloat16),
            (.float16, .float16, .float32, .float16), (.float16, .float32, .float16, .float32), (.float32, .float32, .bfloat16, .float32),
        ]
        return RMSNormReference.sizes.flatMap { rows, groups, width in
            types.flatMap { dy, x, weight, output in
                [false, true].map { hasAddend in
                    let operation = RMSNormBackward(
                        weightOffset: width % 2 == 0 ? 1 : 0, groupCount: groups, hasAddend: hasAddend, outputType: output)
                    return test(
                        "\(rows) rows, \(groups) of \(width) \(dy) \(x) \(weight) to \(output)\(hasAddend ? " + addend" : "")",
                        activations: [dy, x, output], operation
                    ) { inputs(&$0, operation, rows, width, dy, x, weight) }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [64, 576].map { width in
            let operation = RMSNormBackward(hasAddend: true)
            return test("1024x\(width)", operation) { inputs(&$0, operation, 1024, width, .float32, .float32, .float32) }
        }
    }
}
