import Graph
import Tensors

enum EmbeddingNoiseReference: KernelReference {
    static func outputs(_ operation: EmbeddingNoise, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let state = (0..<4).map { UInt32(bitPattern: Int32(inputs[3][0, $0])) }
        let columns = types[0].columns
        return [
            Expected(rows: types[0].rows, columns: columns) { row, column in
                let element = (operation.firstRow + row) * columns + column
                let words = DropoutReference.philox(
                    [UInt32(truncatingIfNeeded: element / 4), operation.stream, state[2], state[3]], [state[0], state[1]])
                let length = inputs[2].integer(row, 1) - inputs[1].integer(row, 0)
                guard length > 0 else { return inputs[0].number(row, column) }
                let scale = Bounded(operation.alpha) / .squareRoot(Bounded(Double(length * columns)))
                return inputs[0].number(row, column) + scale * Bounded(Double(words[element % 4] >> 8) * 0x1p-23 - 1)
            }
        ]
    }

    /// Examples of seven rows, and one row that fills up at the end.
    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType) -> [Operand] {
        let used = max(1, rows - 1)
        func ranges(_ random: inout CaseRandom, _ begin: (Int) -> Int, _ end: (Int) -> Int) -> Operand {
            random.operand(rows, 2, .int32) { row, column, _ in row >= used ? 0 : Double(column == 0 ? begin(row) : end(row)) }
        }
        return [
            random.numbers(rows, columns, type), ranges(&random, { $0 / 7 * 7 }, { $0 + 1 }),
            ranges(&random, { $0 }, { min(used, $0 / 7 * 7 + 7) }),
            random.operand(1, 4, .int32) { _, _, random in Double(Int32(truncatingIfNeeded: Int64(bitPattern: random.next()))) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.flatMap { size in
            allActivationTypes.map { type in
                test("\(size) \(type)", activations: [type], EmbeddingNoise(alpha: 5, stream: 7, firstRow: size.rows % 5)) {
                    inputs(&$0, size.rows, size.columns, type)
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024x576", EmbeddingNoise(alpha: 5, stream: 3)) { inputs(&$0, 1024, 576, .float32) }]
    }
}
