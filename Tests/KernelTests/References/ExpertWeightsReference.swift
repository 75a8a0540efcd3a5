import Graph
import Tensors

enum ExpertWeightsReference: KernelReference {
    static func outputs(_ operation: ExpertWeights, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for row in 0..<inputs[1].rows {
            for choice in 0..<inputs[1].columns {
                let place = inputs[2].integer(row, choice)
                for column in 0..<types[0].columns {
                    result[place, column] = inputs[1].number(row, choice) * inputs[0].number(place, column)
                }
            }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        ExpertOrderReference.sizes.flatMap { size in
            allActivationTypes.map { type in
                test("\(size) \(type)", activations: [type], ExpertWeights()) { random in
                    let (places, _) = ExpertOrderReference.places(&random, size.rows, size.count, of: size.experts, .random)
                    return [random.numbers(size.rows * size.count, 67, type), random.numbers(size.rows, size.count), places]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("16384 x 512", ExpertWeights()) { random in
                let (places, _) = ExpertOrderReference.places(&random, 2048, 8, of: 64, .random)
                return [random.numbers(16_384, 512), random.numbers(2048, 8), places]
            }
        ]
    }
}
