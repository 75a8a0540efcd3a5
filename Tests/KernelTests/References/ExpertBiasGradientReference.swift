import Graph
import Tensors

enum ExpertBiasGradientReference: KernelReference {
    static func outputs(_ operation: ExpertBiasGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) { expert, column in
                let rows = inputs[1].integer(expert)..<inputs[1].integer(expert + 1)
                return .sum(rows.map { inputs[0].number($0, column) } + [inputs[2].number(expert, column)])
            }
        ]
    }

    static var cases: [KernelCase] {
        ExpertBiasReference.sizes.flatMap { size in
            allActivationTypes.flatMap { type in
                ExpertOrderReference.Fall.allCases.map { fall in
                    test("\(size) \(fall) \(type)", activations: [type], mustBeInPlace: true, ExpertBiasGradient()) {
                        [
                            $0.numbers(size.rows, size.columns, type),
                            GroupedProductReference.offsets(&$0, rows: size.rows, groups: size.experts, fall),
                            $0.numbers(size.experts, size.columns),
                        ]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("4096x2880 of 32 experts", mustBeInPlace: true, ExpertBiasGradient()) {
                [
                    $0.numbers(4096, 2880, .bfloat16), GroupedProductReference.offsets(&$0, rows: 4096, groups: 32, .random),
                    $0.numbers(32, 2880),
                ]
            }
        ]
    }
}
