import Graph
import Quantization
import Tensors
import Testing

/// What a row gives alone it gives among others, bit by bit: the promise on which generation in
/// batches rests.
@Suite(.serialized) struct RowExactTests {
    private nonisolated(unsafe) static let devices: [(name: String, device: any ComputeDevice)] = TestDevice.available.compactMap { kind in
        (try? kind.openAnew()).map { ("\(kind)", $0) }
    }

    /// Runs an operation of `rows` rows and gives the bytes of each row of its first output.
    private static func outputRows(_ operation: any Operation, _ inputs: [Operand], _ device: any ComputeDevice) throws -> [[UInt32]] {
        var machine = KernelMachine(seed: 1)
        machine.add(
            KernelSample(operation: operation, inputs: inputs, outputs: try operation.outputTypes(for: inputs.map(\.type))), .plain)
        let result = try machine.prepare(on: device).run()
        let output = try #require(machine.calls.first?.outputs.first)
        let image = KernelMachine.Image(bytes: output.space == .exchange ? result.exchange : result.persistent)
        return (0..<output.rows).map { row in (0..<output.columns).map { image.bits(output, row, $0) } }
    }

    /// The operands with only some of their rows, for those operands that have one row a token.
    private static func some(_ inputs: [Operand], _ rows: Range<Int>, byRow: Set<Int>) -> [Operand] {
        inputs.enumerated().map { index, operand in
            guard byRow.contains(index) else { return operand }
            let columns = operand.type.columns
            return Operand(
                type: TensorType(rows: rows.count, columns: columns, operand.type.elementType),
                values: Array(operand.values[rows.lowerBound * columns..<rows.upperBound * columns]))
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var operation: any Operation
        /// Operands with one row a token.
        var byRow: Set<Int>
        var inputs: @Sendable (inout CaseRandom, Int) -> [Operand]
    }

    static let cases: [Case] = {
        var cases: [Case] = []
        func add(
            _ name: String, _ operation: any Operation, byRow: Set<Int>, _ inputs: @escaping @Sendable (inout CaseRandom, Int) -> [Operand]
        ) {
            cases.append(Case(testDescription: name, operation: operation, byRow: byRow, inputs: inputs))
        }
        for type in [ElementType.float32, .bfloat16, .float16] {
            add("MatrixProduct with \(type) weights", MatrixProduct(transposesB: true, isRowExact: true), byRow: [0]) {
                [$0.numbers($1, 131), $0.numbers(77, 131, type)]
            }
        }
        add("MatrixProduct in bfloat16", MatrixProduct(transposesB: true, isRowExact: true), byRow: [0]) {
            [$0.numbers($1, 131, .bfloat16), $0.numbers(77, 131, .bfloat16)]
        }
        for format in QuantizedFormat.allCases {
            // Rows that are no whole blocks, and such as are.
            for (inputs, type) in [(129, ElementType.float32), (192, .float32), (192, .bfloat16)] {
                let operation = QuantizedProduct(format, outputs: 70, inputs: inputs, hasAddend: true, isRowExact: true)
                add("QuantizedProduct \(format) of \(inputs) \(type)", operation, byRow: [0, 2]) {
                    QuantizedProductReference.inputs(&$0, operation, rows: $1, type, .float32)
                }
            }
        }
        for format in BlockFormat.allCases {
            for type in [ElementType.float32, .bfloat16] {
                let operation = QuantizedProduct(.blocks(format), outputs: 70, inputs: 512, hasAddend: true, isRowExact: true)
                add("QuantizedProduct \(format) of \(type)", operation, byRow: [0, 2]) {
                    QuantizedProductReference.inputs(&$0, operation, rows: $1, type, .float32)
                }
            }
        }
        // Rows so long that a few of them are cut into pieces, the last of another length.
        for (format, inputs) in [(BlockFormat.q4_k, 4_864), (.q6_k, 4_864), (.q8_0, 4_896)] {
            for type in [ElementType.float32, .bfloat16] {
                let operation = QuantizedProduct(.blocks(format), outputs: 35, inputs: inputs, hasAddend: true, isRowExact: true)
                add("QuantizedProduct \(format) of long \(type)", operation, byRow: [0, 2]) {
                    QuantizedProductReference.inputs(&$0, operation, rows: $1, type, .float32)
                }
            }
        }
        add("RoutedProduct", RoutedProduct(outputs: 33), byRow: [0, 2]) { random, rows in
            [random.numbers(rows, 65), random.numbers(4 * 33, 65), random.indices(rows, in: 0..<4)]
        }
        let attention = CachedAttention(AttentionShape(headCount: 6, keyValueHeadCount: 2, headWidth: 24, scale: 0.2), pageRows: 32)
        add("CachedAttention", attention, byRow: [0, 3, 4]) {
            CachedAttentionReference.inputs(&$0, attention, rows: $1, sequences: 3, pages: 5, window: 1_000, .float32, .float32)
        }
        for (type, cacheType) in [(ElementType.float32, ElementType.float16), (.bfloat16, .bfloat16), (.bfloat16, .float16)] {
            // Many rows at a time are computed in another way than one.
            add("CachedAttention of \(type) over \(cacheType)", attention, byRow: [0, 3, 4]) {
                CachedAttentionReference.inputs(&$0, attention, rows: $1, sequences: 3, pages: 5, window: 1_000, type, cacheType)
            }
        }
        add("RMSNorm", RMSNorm(epsilon: 1e-5, isRowExact: true), byRow: [0]) { [$0.numbers($1, 700), $0.numbers(1, 700)] }
        add("LayerNorm", LayerNorm(epsilon: 1e-5, isRowExact: true), byRow: [0]) {
            [$0.numbers($1, 700), $0.numbers(1, 700), $0.numbers(1, 700)]
        }
        return cases
    }()

    private static func takes(_ example: Case, _ device: any ComputeDevice) -> Bool {
        var random = CaseRandom(seed: KernelCatalogue.seed)
        return example.inputs(&random, 1)[0].type.elementType != .bfloat16 || device.activationTypes.contains(.bfloat16)
    }

    @Test(arguments: cases) func aRowsBitsDoNotDependOnTheOthers(_ example: Case) throws {
        for (name, device) in Self.devices where Self.takes(example, device) {
            var random = CaseRandom(seed: KernelCatalogue.seed)
            let inputs = example.inputs(&random, 77)
            let whole = try Self.outputRows(example.operation, inputs, device)
            for rows in [0..<1, 7..<8, 44..<45, 76..<77, 3..<5, 10..<13, 30..<34, 50..<56, 2..<9, 60..<68, 20..<37, 4..<72] {
                let part = try Self.outputRows(example.operation, Self.some(inputs, rows, byRow: example.byRow), device)
                #expect(part == Array(whole[rows]), "rows \(rows) on \(name)")
            }
        }
    }

    /// Rows sorted by group, each against itself alone.
    @Test(arguments: [ElementType.float32, .bfloat16])
    func aRowOfAGroupGivesAloneWhatItGivesAmongOthers(_ type: ElementType) throws {
        for (name, device) in Self.devices where device.activationTypes.contains(type) {
            var random = CaseRandom(seed: KernelCatalogue.seed)
            let operation = GroupedProduct(groupCount: 4, outputs: 37, inputs: 133, isRowExact: true)
            let (x, weights) = (random.numbers(70, 133, type), random.numbers(4 * 37, 133, type))
            let ends = [0, 1, 1, 20, 70]
            func offsets(_ ends: [Int]) -> Operand {
                Operand(type: TensorType(rows: 5, columns: 1, .int32), values: ends.map { Double($0) })
            }
            let all = try Self.outputRows(operation, [x, weights, offsets(ends)], device)
            for row in [0, 1, 7, 19, 20, 69] {
                let own = Self.some([x], row..<row + 1, byRow: [0])[0]
                let alone = offsets(ends.map { $0 > row ? 1 : 0 })
                let found = try Self.outputRows(operation, [own, weights, alone], device)
                #expect(found == [all[row]], "row \(row) on \(name)")
            }
        }
    }
}
