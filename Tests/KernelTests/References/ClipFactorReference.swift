import Graph
import Tensors

enum ClipFactorReference: KernelReference {
    static func outputs(_ operation: ClipFactor, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let norm = Bounded.squareRoot(.sum((0..<inputs[0].rows).map { inputs[0].number($0) }))
        var factor = Bounded(1)
        if operation.maximumNorm != 0 {
            let ratio = Bounded(operation.maximumNorm) / (norm + Bounded(Float(1e-6)))
            if ratio.value - ratio.error < 1 { factor = Bounded(min(1, ratio.value), error: ratio.error) }
        }
        return [Expected(rows: 1, columns: 2) { _, column in column == 0 ? norm : factor }]
    }

    static var cases: [KernelCase] {
        [1, 2, 65, 1031].flatMap { count in
            [Float(1), 0, 1e6].map { norm in
                test("\(count) sums, at most \(norm)", ClipFactor(maximumNorm: norm)) { [$0.numbers(count, 1, in: 0...9)] }
            }
        } + [test("all zero", ClipFactor(maximumNorm: 1)) { random in [random.operand(3, 1, .float32) { _, _, _ in 0 }] }]
    }

    static var timings: [KernelCase] { [test("4 sums", ClipFactor(maximumNorm: 1)) { [$0.numbers(4, 1, in: 0...9)] }] }
}
