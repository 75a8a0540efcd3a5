import Graph
import Quantization
import Tensors

enum QuantizedProductReference: KernelReference {
    static func outputs(_ operation: QuantizedProduct, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        outputs(operation, inputs, types, dequantizedTo: .float32)
    }

    /// The weight is read from its words by the format's definition, element by element, and
    /// rounded to the type of `x`.
    static func outputs(
        _ operation: QuantizedProduct, _ inputs: [HostMatrix], _ types: [TensorType], dequantizedTo type: ElementType
    ) -> [Expected] {
        let weight = weight(operation, inputs[1], type)
        let product = MatrixProduct(
            transposesB: operation.transposesWeight, hasAddend: operation.hasAddend, outputType: operation.outputType)
        var expected = MatrixProductReference.outputs(product, [inputs[0], weight] + inputs.dropFirst(2), types)
        guard operation.isRowExact, operation.format == .words(.q8) else { return expected }
        // Products of bytes take `x` in 15 bits by blocks of 32, and leave the weight as it is.
        for row in 0..<types[0].rows {
            for column in 0..<types[0].columns {
                expected[0][row, column]?.error += byteError(inputs[0].row(row), weight.row(column), type)
            }
        }
        return expected
    }

    static func weight(_ operation: QuantizedProduct, _ stored: HostMatrix, _ type: ElementType) -> HostMatrix {
        let (rows, columns) = (operation.outputs, operation.inputs)
        let values: [Double]
        switch operation.format {
        case .words(let format):
            let words = stored.values.map { UInt32(bitPattern: Int32($0)) }
            let layout = QuantizedLayout(format, elementCount: rows * columns)
            values = (0..<rows * columns).map { type.stored(number($0, words, layout)) }
        case .blocks(let format):
            values = (0..<rows).flatMap { row in
                (0..<columns).map { column in type.stored(BlockDefinition.number(column, format) { stored.integer(row, $0) }) }
            }
        }
        return HostMatrix(rows: rows, columns: columns, values: values)
    }

    /// What a sum may lose by half a unit of each block's numbers, and by rounding the weight or
    /// not.
    private static func byteError(_ x: ArraySlice<Double>, _ w: ArraySlice<Double>, _ type: ElementType) -> Double {
        var error = 0.0
        for (start, weights) in zip(stride(from: 0, to: x.count, by: 32), stride(from: 0, to: w.count, by: 32)) {
            let numbers = x[(x.startIndex + start)..<min(x.endIndex, x.startIndex + start + 32)]
            let others = w[(w.startIndex + weights)..<min(w.endIndex, w.startIndex + weights + 32)]
            error += 0x1p-14 * (numbers.map(abs).max() ?? 0) * others.reduce(0) { $0 + abs($1) }
            if type != .float32 { error += 0x1p-8 * zip(numbers, others).reduce(0) { $0 + abs($1.0 * $1.1) } }
        }
        return error
    }

    /// One number; every rounding of the definition is one to float32, as in the published code.
    static func number(_ element: Int, _ words: [UInt32], _ layout: QuantizedLayout) -> Double {
        func byte(_ word: Int, _ index: Int) -> Int { Int(words[word + index / 4] >> (8 * UInt32(index % 4)) & 255) }
        func float(_ word: Int) -> Float { Float(bitPattern: words[word]) }
        switch layout.format {
        case .q8:
            let block = element / 32
            let half = UInt16(truncatingIfNeeded: byte(layout.scaleWord, 2 * block) + 256 * byte(layout.scaleWord, 2 * block + 1))
            let code = byte(layout.codeWord, element)
            return Double(Float(code < 128 ? code : code - 256) * Float(Float16Bits.number(half)))
        case .nf4:
            let block = element / 64
            let pair = byte(layout.codeWord, element / 2)
            let scale = float(16 + byte(layout.scaleWord, block)) * float(layout.groupWord + block / 256) + float(272)
            return Double(float(element % 2 == 0 ? pair / 16 : pair % 16) * scale)
        }
    }

    private enum Float16Bits {
        static func number(_ bits: UInt16) -> Double { ElementType.float16.number(UInt32(bits)) }
    }

    static func inputs(
        _ random: inout CaseRandom, _ operation: QuantizedProduct, rows: Int, _ type: ElementType, _ addend: ElementType
    ) -> [Operand] {
        let (k, n) = operation.transposesWeight ? (operation.inputs, operation.outputs) : (operation.outputs, operation.inputs)
        let weight: Operand
        switch operation.format {
        case .words(let format): weight = words(&random, format, operation)
        case .blocks(let format):
            weight = BlockDefinition.rows(&random, format, rows: operation.outputs, columns: operation.inputs)
        }
        return [random.numbers(rows, k, type), weight] + (operation.hasAddend ? [random.numbers(rows, n, addend)] : [])
    }

    private static func words(_ random: inout CaseRandom, _ format: QuantizedFormat, _ operation: QuantizedProduct) -> Operand {
        let numbers = random.numbers(operation.outputs, operation.inputs).values.map { Float($0) }
        let layout = QuantizedLayout(format, elementCount: operation.outputs * operation.inputs)
        var words = [Int32](repeating: 0, count: layout.wordCount)
        let fault = words.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { start in
                WeightQuantizer(layout).quantize(into: start, threadCount: 2) { range, target in
                    for (index, element) in range.enumerated() { target[index] = numbers[element] }
                }
            }
        }
        precondition(fault == .some(nil))  // invariant: the numbers are finite, as they were drawn
        return Operand(type: QuantizedProduct.wordsType(layout), values: words.map { Double($0) })
    }

    static func product(_ operation: QuantizedProduct, rows: Int, _ type: ElementType) -> KernelCase {
        KernelCase(
            description: "QuantizedProduct \(rows) rows \(type) \(operation.attributes) to \(operation.outputType)", operation: name,
            mustBeInPlace: false, activationTypes: [type, operation.outputType], mixedWeight: nil,
            sample: { random in
                let operands = inputs(&random, operation, rows: rows, type, operation.outputType)
                return KernelSample(operation: operation, inputs: operands, outputs: try operation.outputTypes(for: operands.map(\.type)))
            },
            reference: { sample in outputs(operation, sample.inputs.map(\.matrix), sample.outputs, dequantizedTo: type) })
    }

    static var cases: [KernelCase] {
        let sizes: [(rows: Int, outputs: Int, inputs: Int)] = [
            (1, 1, 1), (3, 65, 63), (65, 64, 172), (70, 129, 64), (131, 5, 257), (64, 300, 200), (7, 67, 192),
        ]
        let types: [(ElementType, ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.bfloat16, .float32), (.float16, .float16),
        ]
        let words = QuantizedFormat.allCases.flatMap { format in
            sizes.flatMap { cases(.words(format), rows: $0.rows, outputs: $0.outputs, inputs: $0.inputs, types) }
        }
        // Blocks of a row: some, and such that tiles end within one.
        let blockSizes: [(rows: Int, outputs: Int, blocks: Int)] = [(1, 1, 1), (3, 65, 2), (65, 20, 3), (7, 67, 2)]
        let blocks = BlockFormat.allCases.flatMap { format in
            blockSizes.enumerated().flatMap { index, size in
                cases(
                    .blocks(format), rows: size.rows, outputs: size.outputs, inputs: size.blocks * format.blockLength,
                    index == 3 ? types : Array(types.prefix(2)))
            }
        }
        return words + blocks
    }

    /// Both products, and the one whose rows do not depend on each other.
    private static func cases(
        _ format: WeightFormat, rows: Int, outputs: Int, inputs: Int, _ types: [(ElementType, ElementType)]
    ) -> [KernelCase] {
        [(true, false), (false, false), (true, true)].flatMap { transposes, isRowExact in
            types.map { type, output in
                product(
                    QuantizedProduct(
                        format, outputs: outputs, inputs: inputs, transposesWeight: transposes, hasAddend: (rows + outputs) % 2 == 1,
                        outputType: output, isRowExact: isRowExact), rows: rows, type)
            }
        }
    }

    static var timings: [KernelCase] {
        WeightFormat.all.flatMap { format in
            [true, false].map { product(QuantizedProduct(format, outputs: 1536, inputs: 768, transposesWeight: $0), rows: 1024, .float32) }
        }
            + [BlockFormat.q8_0, .q4_k, .q6_k].flatMap { format in
                [true, false].map { transposes in
                    product(
                        QuantizedProduct(
                            .blocks(format), outputs: 2048, inputs: 2048, transposesWeight: transposes, outputType: .bfloat16),
                        rows: 512, .bfloat16)
                }
            }
    }
}
