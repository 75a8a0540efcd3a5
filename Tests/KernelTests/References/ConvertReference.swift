import Graph
import Tensors

enum ConvertReference: KernelReference {
    static func outputs(_ operation: Convert, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        // Rounding to nearest, ties to even, leaves no choice.
        [Expected(rows: types[0].rows, columns: types[0].columns) { Bounded(types[0].elementType.stored(inputs[0][$0, $1])) }]
    }

    static var cases: [KernelCase] { casesOfSizes + casesOfTies }

    private static var casesOfSizes: [KernelCase] {
        allActivationTypes.flatMap { from in
            allActivationTypes.flatMap { to in
                awkwardSizes.map { size in
                    test("\(size) \(from) to \(to)", activations: [from, to], Convert(to: to)) {
                        [$0.numbers(size.rows, size.columns, from)]
                    }
                }
            }
        }
    }

    private static var casesOfTies: [KernelCase] {
        [ElementType.bfloat16, .float16].map { to in
            // Halfway between two neighbours, above and below, both signs; numbers near the largest
            // and the smallest normal one.
            test("ties to \(to)", activations: [.float32, to], Convert(to: to)) { random in
                random.operandList { row, column in
                    let unit: Double = 2 * to.roundoff
                    let besides: [Double] = [0, unit / 2, unit / 2 * 1.001, unit / 2 * 0.999]
                    let scales: [Double] = [1, 0x1p-13, 0x1p14, 1.0 / 3]
                    let mantissa: Double = 1 + Double(row) * unit + besides[column % 4]
                    let sign: Double = column % 8 < 4 ? 1 : -1
                    return sign * mantissa * scales[column / 8]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("1024x64", Convert(to: .float32)) { [$0.numbers(1024, 64)] },
            test("1024x576", Convert(to: .float32)) { [$0.numbers(1024, 576)] },
            test("1024x576 to bfloat16", activations: [.float32, .bfloat16], Convert(to: .bfloat16)) { [$0.numbers(1024, 576)] },
            test("1024x576 to float16", activations: [.float32, .float16], Convert(to: .float16)) { [$0.numbers(1024, 576)] },
        ]
    }
}

extension CaseRandom {
    fileprivate mutating func operandList(_ value: (Int, Int) -> Double) -> [Operand] {
        [operand(67, 32, .float32) { row, column, _ in ElementType.float32.stored(value(row, column)) }]
    }
}
