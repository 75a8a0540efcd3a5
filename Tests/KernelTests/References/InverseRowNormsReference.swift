import Graph
import Tensors

enum InverseRowNormsReference: KernelReference {
    static func outputs(_ operation: InverseRowNorms, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (squares, products, b, h) = (inputs[0], inputs[1], inputs[2], inputs[3])
        let scale = Bounded(operation.scale)
        return [
            Expected(rows: 1, columns: types[0].columns) { _, row in
                let terms = (0..<b.columns).map { k in
                    b.number(row, k) * (2 * scale * products.number(k, row) + scale * scale * h.number(row, k))
                }
                let sum = Bounded.sum(terms + [squares.number(0, row)])
                return sum.value > 0 ? 1 / Bounded.squareRoot(sum) : 0
            }
        ]
    }

    /// Squares that outweigh the rest, as those of a weight do.
    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ rank: Int, _ type: ElementType = .float32) -> [Operand] {
        let least = 2 * Double(rank)
        return [
            random.numbers(1, rows, in: least...(2 * least)), random.numbers(rank, rows), random.numbers(rows, rank, type),
            random.numbers(rows, rank),
        ]
    }

    static var cases: [KernelCase] {
        allActivationTypes.flatMap { type in
            [(1, 1), (63, 4), (257, 1), (65, 33), (1031, 8)].map { rows, rank in
                test("\(rows) rows, rank \(rank) \(type)", activations: [type], InverseRowNorms(scale: 0.5)) {
                    inputs(&$0, rows, rank, type)
                }
            }
        } + [
            test("rows of zeros", InverseRowNorms(scale: 2)) { random in
                [(1, 5), (3, 5), (5, 3), (5, 3)].map { rows, columns in random.operand(rows, columns, .float32) { _, _, _ in 0 } }
            }
        ]
    }

    static var timings: [KernelCase] { [test("4096 rows, rank 16", InverseRowNorms(scale: 2)) { inputs(&$0, 4096, 16) }] }
}
