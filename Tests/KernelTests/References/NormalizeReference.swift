import Graph
import Tensors

enum NormalizeReference: KernelReference {
    static func outputs(_ operation: Normalize, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var norm = Bounded.squareRoot(inputs[1].number(0))
        if norm.value < 1e-7 { norm = Bounded(Float(1e-7)) }
        return [Expected(rows: types[0].rows, columns: types[0].columns) { inputs[0].number($0, $1) / norm }]
    }

    static var cases: [KernelCase] {
        awkwardSizes.map { size in
            test("\(size)", Normalize()) { [$0.numbers(size.rows, size.columns), $0.numbers(1, 1, in: 0.5...9)] }
        } + [
            test("nothing but zeros", Normalize()) { random in
                [random.operand(3, 7, .float32) { _, _, _ in 0 }, random.operand(1, 1, .float32) { _, _, _ in 0 }]
            }
        ]
    }

    static var timings: [KernelCase] { [test("576x1536", Normalize()) { [$0.numbers(576, 1536), $0.numbers(1, 1, in: 1...9)] }] }
}
