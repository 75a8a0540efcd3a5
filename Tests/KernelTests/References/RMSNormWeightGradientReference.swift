import Graph
import Tensors

enum RMSNormWeightGradientReference: KernelReference {
    static func outputs(_ operation: RMSNormWeightGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x, inverse, accumulator) = (inputs[0], inputs[1], inputs[2], inputs[3])
        let width = accumulator.columns
        return [
            Expected(rows: 1, columns: width) { _, column in
                var terms = [accumulator.number(0, column)]
                for row in 0..<dy.rows {
                    for group in 0..<operation.groupCount {
                        terms.append(
                            dy.number(row, group * width + column) * x.number(row, group * width + column) * inverse.number(row, group))
                    }
                }
                return .sum(terms)
            }
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ groups: Int, _ width: Int, _ dy: ElementType, _ x: ElementType)
        -> [Operand]
    {
        [
            random.numbers(rows, groups * width, dy), random.numbers(rows, groups * width, x), random.numbers(rows, groups, in: 0.5...2),
            random.numbers(1, width),
        ]
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.float16, .float16), (.bfloat16, .float32), (.float16, .float32),
        ]
        return [(1, 1, 1), (65, 1, 63), (33, 3, 24), (7, 1, 1031), (300, 1, 64), (5, 8, 128)].flatMap { rows, groups, width in
            types.map { dy, x in
                test(
                    "\(rows) rows, \(groups) of \(width) \(dy) \(x)", activations: [dy, x], mustBeInPlace: true,
                    RMSNormWeightGradient(groupCount: groups)
                ) { inputs(&$0, rows, groups, width, dy, x) }
            }
        }
    }

    static var timings: [KernelCase] {
        [64, 576].map { width in
            test("1024x\(width)", mustBeInPlace: true, RMSNormWeightGradient()) { inputs(&$0, 1024, 1, width, .float32, .float32) }
        }
    }
}
