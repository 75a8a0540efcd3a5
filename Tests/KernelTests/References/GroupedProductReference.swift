import Graph
import Quantization
import Tensors

enum GroupedProductReference: KernelReference {
    static func outputs(_ operation: GroupedProduct, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        outputs(operation, inputs, types, dequantizedTo: .float32)
    }

    /// - Parameter type: that of `x`, to which a weight of few bits is rounded.
    static func outputs(
        _ operation: GroupedProduct, _ inputs: [HostMatrix], _ types: [TensorType], dequantizedTo type: ElementType
    ) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        let weight: HostMatrix
        if let format = operation.format {
            let product = QuantizedProduct(format, outputs: operation.groupCount * operation.outputs, inputs: operation.inputs)
            weight = QuantizedProductReference.weight(product, inputs[1], type)
        } else {
            weight = inputs[1]
        }
        for group in 0..<operation.groupCount {
            let first = group * operation.outputs
            for row in inputs[2].integer(group)..<inputs[2].integer(group + 1) {
                for column in 0..<types[0].columns {
                    var sum: Bounded
                    if operation.transposesWeight {
                        sum = .dot(inputs[0].row(row), weight.row(first + column))
                    } else {
                        let numbers = (0..<operation.outputs).map { weight[first + $0, column] }
                        sum = .dot(inputs[0].row(row), numbers[...])
                    }
                    if operation.scale != 1 { sum = Bounded(operation.scale) * sum }
                    if operation.hasAddend { sum = sum + inputs[3].number(row, column) }
                    result[row, column] = sum
                }
            }
        }
        return [result]
    }

    /// Offsets of some rows in groups.
    static func offsets(_ random: inout CaseRandom, rows: Int, groups: Int, _ fall: ExpertOrderReference.Fall) -> Operand {
        var counts = Array(repeating: 0, count: groups)
        for row in 0..<rows {
            switch fall {
            case .random: counts[Int(random.next() % UInt64(groups))] += 1
            case .one: counts[groups / 2] += 1
            case .few: counts[row % 2 * (groups - 1)] += 1
            }
        }
        return random.operand(groups + 1, 1, .int32) { row, _, _ in Double(counts[..<row].reduce(0, +)) }
    }

    static func product(
        _ operation: GroupedProduct, rows: Int, _ fall: ExpertOrderReference.Fall, _ type: ElementType, weight: ElementType? = nil
    ) -> KernelCase {
        KernelCase(
            description:
                "GroupedProduct \(rows) rows \(fall) \(type) with \(weight ?? type) \(operation.attributes) to \(operation.outputType)",
            operation: name, mustBeInPlace: false, activationTypes: [type, operation.outputType], mixedWeight: weight,
            sample: { random in
                let (k, n) =
                    operation.transposesWeight ? (operation.inputs, operation.outputs) : (operation.outputs, operation.inputs)
                let count = operation.groupCount * operation.outputs
                let weights: Operand
                if let format = operation.format {
                    let whole = QuantizedProduct(format, outputs: count, inputs: operation.inputs)
                    weights = QuantizedProductReference.inputs(&random, whole, rows: 1, .float32, .float32)[1]
                } else {
                    weights = random.numbers(count, operation.inputs, weight ?? type)
                }
                let operands =
                    [random.numbers(rows, k, type), weights, offsets(&random, rows: rows, groups: operation.groupCount, fall)]
                    + (operation.hasAddend ? [random.numbers(rows, n, operation.outputType)] : [])
                return KernelSample(operation: operation, inputs: operands, outputs: try operation.outputTypes(for: operands.map(\.type)))
            },
            reference: { sample in outputs(operation, sample.inputs.map(\.matrix), sample.outputs, dequantizedTo: type) })
    }

    static let types: [(ElementType, ElementType)] = [
        (.float32, .float32), (.bfloat16, .bfloat16), (.bfloat16, .float32), (.float16, .float16),
    ]

    static var cases: [KernelCase] {
        let sizes: [(rows: Int, groups: Int, outputs: Int, inputs: Int)] = [
            (1, 1, 1, 1), (1, 5, 7, 3), (3, 4, 65, 17), (17, 4, 33, 129), (65, 7, 8, 64), (130, 3, 96, 40), (600, 2, 40, 24),
            (65, 64, 20, 24),
        ]
        var cases: [KernelCase] = []
        for (index, size) in sizes.enumerated() {
            for (transposes, isRowExact) in [(true, false), (false, false), (true, true)] {
                for (type, output) in types {
                    for fall in ExpertOrderReference.Fall.allCases {
                        let operation = GroupedProduct(
                            groupCount: size.groups, outputs: size.outputs, inputs: size.inputs, transposesWeight: transposes,
                            scale: index % 2 == 0 ? 1 : 0.75, hasAddend: (index + (transposes ? 1 : 0)) % 2 == 1, outputType: output,
                            isRowExact: isRowExact)
                        cases.append(product(operation, rows: size.rows, fall, type))
                    }
                }
            }
        }
        for transposes in [true, false] {
            for weight in [ElementType.bfloat16, .float16] {
                let operation = GroupedProduct(groupCount: 3, outputs: 33, inputs: 65, transposesWeight: transposes)
                cases.append(product(operation, rows: 40, .random, .float32, weight: weight))
            }
        }
        return cases + quantized
    }

    private static var quantized: [KernelCase] {
        var cases: [KernelCase] = []
        for format in WeightFormat.all {
            var columns = 72
            if case .blocks(let blocks) = format { columns = blocks.blockLength }
            for (transposes, isRowExact) in [(true, false), (false, false), (true, true)] {
                for (type, output) in types.prefix(2) {
                    let operation = GroupedProduct(
                        groupCount: 3, outputs: 10, inputs: columns, format: format, transposesWeight: transposes,
                        hasAddend: transposes, outputType: output, isRowExact: isRowExact)
                    cases.append(product(operation, rows: 19, .random, type))
                }
            }
        }
        return cases
    }

    static var timings: [KernelCase] {
        [true, false].map { transposes in
            product(
                GroupedProduct(groupCount: 64, outputs: 512, inputs: 1024, transposesWeight: transposes, outputType: .bfloat16), rows: 8192,
                .random, .bfloat16)
        }
    }
}
