import Graph
import Tensors

enum LayerNormReference: KernelReference {
    /// Mean and `1 / sqrt(variance + epsilon)` of a row.
    static func statistics(_ x: HostMatrix, _ row: Int, epsilon: Float) -> (mean: Bounded, r: Bounded) {
        let numbers = (0..<x.columns).map { x.number(row, $0) }
        let count = Bounded(Double(x.columns))
        let mean = Bounded.sum(numbers) / count
        let variance = Bounded.sum(numbers.map { ($0 - mean) * ($0 - mean) }) / count
        return (mean, 1 / Bounded.squareRoot(variance + Bounded(epsilon)))
    }

    static func outputs(_ operation: LayerNorm, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (x, weight, bias) = (inputs[0], inputs[1], inputs[2])
        var (y, found) = (Expected(rows: x.rows, columns: x.columns), Expected(rows: x.rows, columns: 2))
        for row in 0..<x.rows {
            let (mean, r) = statistics(x, row, epsilon: operation.epsilon)
            (found[row, 0], found[row, 1]) = (mean, r)
            for column in 0..<x.columns {
                y[row, column] = (x.number(row, column) - mean) * r * weight.number(0, column) + bias.number(0, column)
            }
        }
        return [y, found]
    }

    /// Rows and columns. A single column has no variance, so what is left of it depends on
    /// `epsilon` alone.
    static let sizes = [(1, 2), (65, 63), (33, 24), (7, 1031), (64, 64), (5, 128), (2, 4099)]

    static var cases: [KernelCase] {
        sizes.flatMap { rows, columns in
            allActivationTypes.flatMap { x in
                allActivationTypes.flatMap { weight in
                    (weight == .float32 ? allActivationTypes : [x]).map { output in
                        test(
                            "\(rows)x\(columns) \(x) \(weight) to \(output)", activations: [x, output],
                            LayerNorm(epsilon: 1e-5, outputType: output)
                        ) { [$0.numbers(rows, columns, x, in: -3...3), $0.numbers(1, columns, weight), $0.numbers(1, columns, weight)] }
                    }
                }
            }
        } + [
            test("a row of equal numbers", LayerNorm(epsilon: 1e-5)) { random in
                [random.operand(3, 64, .float32) { row, _, _ in Double(row) }, random.numbers(1, 64), random.numbers(1, 64)]
            },
            test("one column", LayerNorm(epsilon: 1e-5)) { [$0.numbers(9, 1), $0.numbers(1, 1), $0.numbers(1, 1)] },
        ]
    }

    static var timings: [KernelCase] {
        [576, 3072].map { columns in
            test("1024x\(columns)", LayerNorm(epsilon: 1e-5)) {
                [$0.numbers(1024, columns), $0.numbers(1, columns), $0.numbers(1, columns)]
            }
        }
    }
}
