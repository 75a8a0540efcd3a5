import Graph
import Tensors

enum GroupedWeightGradientReference: KernelReference {
    static func outputs(_ operation: GroupedWeightGradient, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (dy, x) = (inputs[0], inputs[1])
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for group in 0..<operation.groupCount {
            let rows = inputs[2].integer(group)..<inputs[2].integer(group + 1)
            for output in 0..<dy.columns {
                let left = rows.map { dy[$0, output] }
                for column in 0..<x.columns {
                    let right = rows.map { x[$0, column] }
                    var sum = Bounded.dot(left[...], right[...])
                    if operation.scale != 1 { sum = Bounded(operation.scale) * sum }
                    let place = group * dy.columns + output
                    if operation.hasAddend { sum = sum + inputs[3].number(place, column) }
                    result[place, column] = sum
                }
            }
        }
        return [result]
    }

    static func gradient(
        _ operation: GroupedWeightGradient, rows: Int, outputs: Int, columns: Int, _ fall: ExpertOrderReference.Fall, _ type: ElementType
    ) -> KernelCase {
        test("\(rows) rows \(fall) \(outputs)x\(columns) \(type) \(operation.attributes)", activations: [type], operation) { random in
            [
                random.numbers(rows, outputs, type), random.numbers(rows, columns, type),
                GroupedProductReference.offsets(&random, rows: rows, groups: operation.groupCount, fall),
            ] + (operation.hasAddend ? [random.numbers(operation.groupCount * outputs, columns)] : [])
        }
    }

    static var cases: [KernelCase] {
        let sizes: [(rows: Int, groups: Int, outputs: Int, columns: Int)] = [
            (1, 1, 1, 1), (1, 5, 7, 3), (3, 4, 65, 17), (17, 4, 33, 70), (65, 7, 8, 64), (200, 3, 40, 36), (1300, 2, 20, 24),
        ]
        var cases: [KernelCase] = []
        for size in sizes {
            for type in allActivationTypes {
                for (index, fall) in ExpertOrderReference.Fall.allCases.enumerated() {
                    for hasAddend in [true, false] {
                        let operation = GroupedWeightGradient(groupCount: size.groups, scale: index == 0 ? 1 : 0.75, hasAddend: hasAddend)
                        cases.append(
                            gradient(operation, rows: size.rows, outputs: size.outputs, columns: size.columns, fall, type))
                    }
                }
            }
        }
        return cases
    }

    static var timings: [KernelCase] {
        [
            gradient(
                GroupedWeightGradient(groupCount: 64, hasAddend: true), rows: 8192, outputs: 512, columns: 1024, .random, .bfloat16)
        ]
    }
}
