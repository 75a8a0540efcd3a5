import Graph
import Tensors

enum RoutedProductReference: KernelReference {
    static func outputs(_ operation: RoutedProduct, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let route = inputs[2].integer(row)
                var sum = Bounded(0)
                if route >= 0 { sum = .dot(inputs[0].row(row), inputs[1].row(route * operation.outputs + column)) }
                return operation.hasAddend ? sum + inputs[3].number(row, column) : sum
            }
        ]
    }

    static var cases: [KernelCase] {
        let sizes: [(rows: Int, outputs: Int, inner: Int, count: Int)] = [
            (1, 1, 1, 1), (1, 65, 17, 3), (7, 8, 129, 4), (65, 33, 16, 5), (66, 130, 8, 2),
        ]
        return sizes.flatMap { size in
            allActivationTypes.flatMap { type in
                [false, true].map { hasAddend in
                    test(
                        "\(size.rows)x\(size.outputs)x\(size.inner) of \(size.count) \(type)\(hasAddend ? " with an addend" : "")",
                        activations: [type], RoutedProduct(outputs: size.outputs, hasAddend: hasAddend, outputType: type)
                    ) { random in
                        // Runs of one route, and rows without one.
                        let routes = random.operand(size.rows, 1, .int32) { row, _, random in
                            row % 5 == 4 ? -1 : Double(row % 3 == 0 ? Int(random.next() % UInt64(size.count)) : row / 3 % size.count)
                        }
                        return [
                            random.numbers(size.rows, size.inner, type), random.numbers(size.count * size.outputs, size.inner, type),
                            routes,
                        ] + (hasAddend ? [random.numbers(size.rows, size.outputs, type)] : [])
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [(8, 576, 16), (8, 16, 576)].map { rows, outputs, inner in
            test("\(rows)x\(outputs)x\(inner) of 8", RoutedProduct(outputs: outputs)) { random in
                [
                    random.numbers(rows, inner), random.numbers(8 * outputs, inner),
                    random.operand(rows, 1, .int32) { row, _, _ in Double(row % 8) },
                ]
            }
        }
    }
}
