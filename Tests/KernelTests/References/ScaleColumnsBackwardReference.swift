import Graph
import Tensors

enum ScaleColumnsBackwardReference: KernelReference {
    static func outputs(_ operation: ScaleColumnsBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: 1, columns: types[0].columns) { _, column in
                .sum(
                    (0..<inputs[0].rows).map { inputs[0].number($0, column) * inputs[1].number($0, column) * inputs[2].number(0, column) }
                        + [inputs[3].number(0, column)])
            }
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ dy: ElementType, _ x: ElementType) -> [Operand] {
        [
            random.numbers(rows, columns, dy), random.numbers(rows, columns, x), random.numbers(1, columns, in: 0...2),
            random.numbers(1, columns),
        ]
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.float16, .float16), (.bfloat16, .float32), (.float32, .float16),
        ]
        return types.flatMap { dy, x in
            awkwardSizes.map { size in
                test("\(size) \(dy) \(x)", activations: [dy, x], mustBeInPlace: true, ScaleColumnsBackward()) {
                    inputs(&$0, size.rows, size.columns, dy, x)
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x896", mustBeInPlace: true, ScaleColumnsBackward()) { inputs(&$0, 1024, 896, .float32, .float32) }]
    }
}
