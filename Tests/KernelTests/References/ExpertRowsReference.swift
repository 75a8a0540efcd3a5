import Graph
import Tensors

enum ExpertRowsReference: KernelReference {
    static func outputs(_ operation: ExpertRows, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for row in 0..<inputs[1].rows {
            for choice in 0..<inputs[1].columns {
                for column in 0..<types[0].columns { result[inputs[1].integer(row, choice), column] = inputs[0].number(row, column) }
            }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        ExpertOrderReference.sizes.flatMap { size in
            allActivationTypes.flatMap { type in
                [1, 63, 130].map { columns in
                    test("\(size) x \(columns) \(type)", activations: [type], ExpertRows()) { random in
                        let (places, _) = ExpertOrderReference.places(&random, size.rows, size.count, of: size.experts, .random)
                        return [random.numbers(size.rows, columns, type), places]
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("2048 x 1024 in 8 places", ExpertRows()) { random in
                let (places, _) = ExpertOrderReference.places(&random, 2048, 8, of: 64, .random)
                return [random.numbers(2048, 1024), places]
            }
        ]
    }
}
