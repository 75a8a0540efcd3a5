import Graph
import Tensors

enum ExpertWeightsBackwardReference: KernelReference {
    static func outputs(_ operation: ExpertWeightsBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var dx = Expected(rows: types[0].rows, columns: types[0].columns)
        var slopes = Expected(rows: types[1].rows, columns: types[1].columns)
        for row in 0..<types[1].rows {
            for choice in 0..<types[1].columns {
                let place = inputs[3].integer(row, choice)
                slopes[row, choice] = .dot(inputs[0].row(place), inputs[1].row(place))
                for column in 0..<types[0].columns {
                    dx[place, column] = inputs[2].number(row, choice) * inputs[0].number(place, column)
                }
            }
        }
        return [dx, slopes]
    }

    static var cases: [KernelCase] {
        ExpertOrderReference.sizes.flatMap { size in
            allActivationTypes.flatMap { type in
                [1, 67, 300].map { columns in
                    test("\(size) x \(columns) \(type)", activations: [type], ExpertWeightsBackward()) { random in
                        let (places, _) = ExpertOrderReference.places(&random, size.rows, size.count, of: size.experts, .random)
                        let rows = size.rows * size.count
                        return [
                            random.numbers(rows, columns, type), random.numbers(rows, columns, type),
                            random.numbers(size.rows, size.count), places,
                        ]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("16384 x 512", ExpertWeightsBackward()) { random in
                let (places, _) = ExpertOrderReference.places(&random, 2048, 8, of: 64, .random)
                return [random.numbers(16_384, 512), random.numbers(16_384, 512), random.numbers(2048, 8), places]
            }
        ]
    }
}
