import Graph
import Tensors

enum ExpertSumReference: KernelReference {
    static func outputs(_ operation: ExpertSum, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let terms = (0..<inputs[1].columns).map { inputs[0].number(inputs[1].integer(row, $0), column) }
                return .sum(terms + (operation.hasAddend ? [inputs[2].number(row, column)] : []))
            }
        ]
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.bfloat16, .float32), (.float16, .float16), (.float16, .float32),
        ]
        return ExpertOrderReference.sizes.flatMap { size in
            types.flatMap { input, output in
                [false, true].map { hasAddend in
                    test(
                        "\(size) \(input) to \(output)\(hasAddend ? " with an addend" : "")", activations: [input, output],
                        ExpertSum(hasAddend: hasAddend, outputType: output)
                    ) { random in
                        let (places, _) = ExpertOrderReference.places(&random, size.rows, size.count, of: size.experts, .random)
                        return [random.numbers(size.rows * size.count, 67, input), places]
                            + (hasAddend ? [random.numbers(size.rows, 67, output)] : [])
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("2048 x 1024 from 8 places", ExpertSum()) { random in
                let (places, _) = ExpertOrderReference.places(&random, 2048, 8, of: 64, .random)
                return [random.numbers(16_384, 1024), places]
            }
        ]
    }
}
