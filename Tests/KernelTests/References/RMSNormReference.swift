import Graph
import Tensors

enum RMSNormReference: KernelReference {
    static func outputs(_ operation: RMSNorm, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (x, weight) = (inputs[0], inputs[1])
        let width = weight.columns
        let inverse = Expected(rows: x.rows, columns: operation.groupCount) { row, group in
            let numbers = AttentionReference.head(x, row, group, width)
            return 1 / Bounded.squareRoot(.dot(numbers, numbers) / Bounded(Double(width)) + Bounded(operation.epsilon))
        }
        let y = Expected(rows: x.rows, columns: x.columns) { row, column in
            let factor = Bounded(operation.weightOffset) + weight.number(0, column % width)
            return x.number(row, column) * (inverse[row, column / width] ?? 0) * factor
        }
        return [y, inverse]
    }

    static let sizes = [(1, 1, 1), (65, 1, 63), (33, 3, 24), (7, 1, 1031), (64, 1, 64), (5, 8, 128), (2, 1, 4099)]

    static var cases: [KernelCase] {
        sizes.flatMap { rows, groups, width in
            allActivationTypes.flatMap { x in
                allActivationTypes.flatMap { weight in
                    (weight == .float32 ? allActivationTypes : [x]).map { output in
                        test(
                            "\(rows) rows, \(groups) of \(width) \(x) \(weight) to \(output)", activations: [x, output],
                            RMSNorm(epsilon: 1e-5, weightOffset: width % 2 == 0 ? 1 : 0, groupCount: groups, outputType: output)
                        ) { [$0.numbers(rows, groups * width, x, in: -3...3), $0.numbers(1, width, weight)] }
                    }
                }
            }
        } + [
            test("a row of zeros", RMSNorm(epsilon: 1e-5)) { random in
                [random.operand(3, 40, .float32) { _, _, _ in 0 }, random.numbers(1, 40)]
            }
        ]
    }

    static var timings: [KernelCase] {
        [64, 576].map { width in test("1024x\(width)", RMSNorm(epsilon: 1e-5)) { [$0.numbers(1024, width), $0.numbers(1, width)] } }
    }
}
