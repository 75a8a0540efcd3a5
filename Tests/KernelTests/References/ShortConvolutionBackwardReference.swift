import Graph
import Tensors

enum ShortConvolutionBackwardReference: KernelReference {
    static func outputs(_ operation: ShortConvolutionBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        ShortConvolutionReference.sums(inputs, types[0], step: 1)
    }

    static var cases: [KernelCase] {
        ShortConvolutionReference.layouts.flatMap { layout in
            allActivationTypes.map { type in
                test("\(layout.columns) x \(layout.taps), \(layout.lengths) \(type)", activations: [type], ShortConvolutionBackward()) {
                    [
                        $0.numbers(layout.rows + 3, layout.columns, type), $0.numbers(layout.columns, layout.taps, type),
                        AttentionReference.ranges(layout.ranges(\.queries), &$0),
                    ]
                }
            }
        }
    }

    static var timings: [KernelCase] { [] }
}
