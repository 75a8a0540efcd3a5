import Graph
import Tensors

enum MatrixProductReference: KernelReference {
    static func outputs(_ operation: MatrixProduct, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        // Rows of a and columns of b, so that each sum runs over neighbours.
        let a = operation.transposesA ? transposed(inputs[0]) : inputs[0]
        let b = operation.transposesB ? inputs[1] : transposed(inputs[1])
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                var sum = Bounded(operation.scale) * .dot(a.row(row), b.row(column))
                if operation.hasAddend {
                    let addend = inputs[2].number(row, column)
                    sum.error += Double(a.columns + 2) * Bounded.roundoff * abs(addend.value)
                    sum = sum + addend
                }
                return sum
            }
        ]
    }

    static func transposed(_ matrix: HostMatrix) -> HostMatrix {
        var result = HostMatrix(rows: matrix.columns, columns: matrix.rows, values: matrix.values)
        for row in 0..<matrix.rows { for column in 0..<matrix.columns { result.values[column * matrix.rows + row] = matrix[row, column] } }
        return result
    }

    static func inputs(
        _ random: inout CaseRandom, _ operation: MatrixProduct, _ size: (m: Int, n: Int, k: Int), _ a: ElementType, _ b: ElementType
    ) -> [Operand] {
        [
            operation.transposesA ? random.numbers(size.k, size.m, a) : random.numbers(size.m, size.k, a),
            operation.transposesB ? random.numbers(size.n, size.k, b) : random.numbers(size.k, size.n, b),
        ] + (operation.hasAddend ? [random.numbers(size.m, size.n, operation.outputType)] : [])
    }

    static func product(
        _ size: (m: Int, n: Int, k: Int), _ a: ElementType, _ b: ElementType, _ operation: MatrixProduct
    ) -> KernelCase {
        test(
            "\(size.m)x\(size.n)x\(size.k) \(a) \(b) to \(operation.outputType) \(operation.attributes)",
            activations: Set([a, operation.outputType]).union(a == .float32 ? [] : [b]),
            mixedWeight: a == .float32 && b != .float32 ? b : nil, operation
        ) { inputs(&$0, operation, size, a, b) }
    }

    static let layouts: [(Bool, Bool)] = [(false, true), (false, false), (true, false), (true, true)]

    static var cases: [KernelCase] {
        let sizes: [(Int, Int, Int)] = [
            (1, 1, 1), (1, 65, 63), (65, 1, 17), (64, 64, 64), (63, 65, 67), (131, 8, 129), (8, 131, 257), (70, 200, 40),
        ]
        let types: [(ElementType, ElementType, ElementType)] = [
            (.float32, .float32, .float32), (.bfloat16, .bfloat16, .bfloat16), (.bfloat16, .bfloat16, .float32),
            (.float16, .float16, .float16),
            (.float16, .float16, .float32), (.float32, .bfloat16, .float32), (.float32, .float16, .float32),
        ]
        return sizes.flatMap { size in
            layouts.flatMap { transposesA, transposesB in
                types.map { a, b, output in
                    product(
                        size, a, b,
                        MatrixProduct(
                            transposesA: transposesA, transposesB: transposesB, scale: size.0 % 2 == 0 ? 2 : 1,
                            hasAddend: (size.1 + size.2) % 2 == 1,
                            outputType: output))
                }
            }
        }
            + sizes.flatMap { size in
                types.map { a, b, output in
                    product(
                        size, a, b,
                        MatrixProduct(
                            transposesB: true, scale: size.0 % 2 == 0 ? 2 : 1, hasAddend: (size.1 + size.2) % 2 == 1, outputType: output,
                            isRowExact: true))
                }
            }
    }

    static var timings: [KernelCase] {
        let sizes: [(Int, Int, Int)] = [
            (1024, 64, 64), (1024, 172, 64), (1024, 8, 64), (1024, 64, 8), (1024, 512, 64), (1024, 576, 576), (1024, 1536, 576),
        ]
        return sizes.flatMap { m, n, k in
            [
                // Forward, gradient of the input, gradient of the weight.
                product((m, n, k), .float32, .float32, MatrixProduct(transposesB: true)),
                product((m, k, n), .float32, .float32, MatrixProduct()),
                product((n, k, m), .float32, .float32, MatrixProduct(transposesA: true, hasAddend: true)),
            ]
        } + [
            product((1024, 1536, 576), .bfloat16, .bfloat16, MatrixProduct(transposesB: true, outputType: .bfloat16)),
            // Beside weights of few bits.
            product((512, 2048, 2048), .bfloat16, .bfloat16, MatrixProduct(transposesB: true, outputType: .bfloat16)),
            product((512, 2048, 2048), .bfloat16, .bfloat16, MatrixProduct(outputType: .bfloat16)),
            product((1024, 1536, 576), .float32, .bfloat16, MatrixProduct(transposesB: true)),
        ]
    }
}
