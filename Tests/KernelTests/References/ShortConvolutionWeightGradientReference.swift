import Graph
import Tensors

enum ShortConvolutionWeightGradientReference: KernelReference {
    static func outputs(_ operation: ShortConvolutionWeightGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x, ranges) = (inputs[0], inputs[1], inputs[2])
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { column, place in
                let tap = types[0].columns - 1 - place
                let rows = (0..<dy.rows).filter { ranges.integer($0, 0) <= $0 - tap && $0 - tap < ranges.integer($0, 1) }
                return .sum(rows.map { dy.number($0, column) * x.number($0 - tap, column) } + [inputs[3].number(column, place)])
            }
        ]
    }

    static var cases: [KernelCase] {
        ShortConvolutionReference.layouts.flatMap { layout in
            allActivationTypes.map { type in
                test(
                    "\(layout.columns) x \(layout.taps), \(layout.lengths) \(type)", activations: [type], mustBeInPlace: true,
                    ShortConvolutionWeightGradient()
                ) {
                    [
                        $0.numbers(layout.rows + 3, layout.columns, type), $0.numbers(layout.rows + 3, layout.columns, type),
                        AttentionReference.ranges(layout.ranges(\.keys), &$0), $0.numbers(layout.columns, layout.taps),
                    ]
                }
            }
        }
    }

    static var timings: [KernelCase] { [] }
}
