import Graph
import Tensors

enum SumOfSquaresReference: KernelReference {
    static func outputs(_ operation: SumOfSquares, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let terms = inputs[0].values.map { Bounded($0) * Bounded($0) } + (operation.hasAddend ? [inputs[1].number(0)] : [])
        return [Expected(rows: 1, columns: 1) { _, _ in .sum(terms) }]
    }

    static var cases: [KernelCase] {
        (awkwardSizes + [(300, 256)]).flatMap { size in
            [false, true].map { hasAddend in
                test("\(size)\(hasAddend ? " + addend" : "")", SumOfSquares(hasAddend: hasAddend)) {
                    [$0.numbers(size.rows, size.columns)] + (hasAddend ? [$0.numbers(1, 1, in: 0...1)] : [])
                }
            }
        }
    }

    static var timings: [KernelCase] { [220, 4096].map { rows in test("\(rows)x256", SumOfSquares()) { [$0.numbers(rows, 256)] } } }
}
