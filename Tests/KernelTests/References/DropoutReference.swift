import Graph
import Tensors

enum DropoutReference: KernelReference {
    /// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    static func philox(_ counter: [UInt32], _ key: [UInt32]) -> [UInt32] {
        var (counter, key) = (counter, key)
        for _ in 0..<10 {
            let (high0, low0) = UInt32(0xD251_1F53).multipliedFullWidth(by: counter[0])
            let (high1, low1) = UInt32(0xCD9E_8D57).multipliedFullWidth(by: counter[2])
            counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
            key = [key[0] &+ 0x9E37_79B9, key[1] &+ 0xBB67_AE85]
        }
        return counter
    }

    static func outputs(_ operation: Dropout, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let state = (0..<4).map { UInt32(bitPattern: Int32(inputs[1][0, $0])) }
        let threshold = Double(operation.rate) * 0x1p32
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let element = (operation.firstRow + row) * types[0].columns + column
                let words = philox(
                    [UInt32(truncatingIfNeeded: element / 4), operation.stream, state[2], state[3]], [state[0], state[1]])
                guard Double(words[element % 4]) >= threshold else { return 0 }
                return inputs[0].number(row, column) / (1 - Bounded(operation.rate))
            }
        ]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType) -> [Operand] {
        [
            random.numbers(rows, columns, type, in: 0.5...1),
            random.operand(1, 4, .int32) { _, _, random in Double(Int32(truncatingIfNeeded: Int64(bitPattern: random.next()))) },
        ]
    }

    static var cases: [KernelCase] {
        awkwardSizes.flatMap { size in
            allActivationTypes.map { type in
                test("\(size) \(type)", activations: [type], Dropout(rate: 0.3, stream: 7, firstRow: size.rows % 5)) {
                    inputs(&$0, size.rows, size.columns, type)
                }
            }
        }
            + [Float(0), 0.9].map { rate in
                test("rate \(rate)", Dropout(rate: rate, stream: 0xFFFF_FFF0)) { inputs(&$0, 13, 130, .float32) }
            }
    }

    static var timings: [KernelCase] {
        [64, 576].map { columns in test("1024x\(columns)", Dropout(rate: 0.1, stream: 3)) { inputs(&$0, 1024, columns, .float32) } }
    }
}
