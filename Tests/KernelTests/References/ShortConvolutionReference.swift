import Graph
import Tensors

enum ShortConvolutionReference: KernelReference {
    static func outputs(_ operation: ShortConvolution, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        sums(inputs, types[0], step: -1)
    }

    /// The sums of rows at distances 0, `step`, `2 * step` and so on, each with its tap.
    static func sums(_ inputs: [HostMatrix], _ type: TensorType, step: Int) -> [Expected] {
        let (x, weight, ranges) = (inputs[0], inputs[1], inputs[2])
        return [
            Expected(rows: type.rows, columns: type.columns) { row, column in
                let seen = ranges.integer(row, 0)..<max(ranges.integer(row, 0), ranges.integer(row, 1))
                let taps = (0..<weight.columns).filter { seen.contains(row + step * $0) }
                return .sum(taps.map { x.number(row + step * $0, column) * weight.number(column, weight.columns - 1 - $0) })
            }
        ]
    }

    struct Layout: Sendable {
        var columns: Int
        var taps: Int
        var lengths: [Int]

        var rows: Int { lengths.reduce(0, +) }
        /// The last three rows are padding.
        func ranges(_ side: KeyPath<(keys: [(Int, Int)], queries: [(Int, Int)]), [(Int, Int)]>) -> [(Int, Int)] {
            AttentionReference.packed(lengths)[keyPath: side] + Array(repeating: (0, 0), count: 3)
        }
    }
    static let layouts = [
        Layout(columns: 1, taps: 1, lengths: [1]), Layout(columns: 65, taps: 3, lengths: [1, 2, 19]),
        Layout(columns: 7, taps: 4, lengths: [63, 3]), Layout(columns: 257, taps: 3, lengths: [33, 1, 64]),
        Layout(columns: 16, taps: 16, lengths: [131, 5]), Layout(columns: 40, taps: 2, lengths: [1031]),
    ]

    static var cases: [KernelCase] {
        layouts.flatMap { layout in
            allActivationTypes.flatMap { type in
                [ElementType.float32, .bfloat16].map { weight in
                    test(
                        "\(layout.columns) x \(layout.taps), \(layout.lengths) \(type) by \(weight)", activations: [type],
                        ShortConvolution()
                    ) {
                        [
                            $0.numbers(layout.rows + 3, layout.columns, type), $0.numbers(layout.columns, layout.taps, weight),
                            AttentionReference.ranges(layout.ranges(\.keys), &$0),
                        ]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        let layout = Layout(columns: 2048, taps: 3, lengths: [512, 512])
        return [
            test("1027x2048, 3 taps", ShortConvolution()) {
                [
                    $0.numbers(layout.rows + 3, 2048), $0.numbers(2048, 3), AttentionReference.ranges(layout.ranges(\.keys), &$0),
                ]
            }
        ]
    }
}
