import Graph
import Quantization
import Tensors

/// A part of the weight is dequantised into scratch memory, then multiplied as any other matrix is;
/// so the tuned products serve here too, and no more than ``partBytes`` of the weight exist at a
/// time. Parts are cut along the result's columns: no sum is cut.
///
/// Of the quantised weight a dispatch binds only what it reads, so a weight may be larger than an
/// operand of the device.
extension QuantizedProduct: VulkanKernel {
    /// Bytes of a dequantised part.
    private static let partBytes = 16 << 20

    /// Numbers that one invocation dequantises: they have a scale in common.
    private static let runLength = 8

    /// Columns of the result in one part.
    private func partWidth(_ elementType: ElementType, _ operandBytes: Int) -> Int {
        let (inner, width) = transposesWeight ? (inputs, outputs) : (outputs, inputs)
        let fitting = min(Self.partBytes, operandBytes) / max(1, inner * elementType.byteCount)
        return max(1, min(width, fitting >= 64 ? fitting / 64 * 64 : fitting))
    }

    private var resultWidth: Int { transposesWeight ? outputs : inputs }

    /// The product of a part, and its operands.
    private func product(_ columns: Range<Int>, _ operands: [TensorReference], _ outputs: [TensorReference])
        -> (operation: MatrixProduct, inputs: [TensorReference], outputs: [TensorReference])
    {
        let type = operands[0].elementType
        let inner = operands[0].columns
        let (rows, width) = transposesWeight ? (columns.count, inner) : (inner, columns.count)
        let part = TensorReference(
            space: .transient, block: TensorReference.scratchBlock, byteOffset: 0, rows: rows, columns: width, rowStride: width,
            elementType: type)
        let operation = MatrixProduct(transposesB: transposesWeight, hasAddend: hasAddend, outputType: outputType, isRowExact: isRowExact)
        return (operation, [operands[0], part] + operands.dropFirst(2).map { $0.columns(columns) }, outputs.map { $0.columns(columns) })
    }

    private func parts(_ elementType: ElementType, _ operandBytes: Int = .max) -> [Range<Int>] {
        let width = partWidth(elementType, operandBytes)
        return stride(from: 0, to: resultWidth, by: width).map { $0..<min(resultWidth, $0 + width) }
    }

    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int {
        if isFewRows(inputs) { return 0 }
        return parts(inputs[0].elementType, device.operandBytes).map { columns in
            let product = product(columns, inputs, outputs)
            return max(product.inputs[1].byteSpan, product.operation.scratchByteCount(product.inputs, product.outputs, device))
        }.max() ?? 0
    }

    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample] {
        if isFewRows(inputs) { return [] }
        return parts(inputs[0].elementType).flatMap { columns in
            let product = product(columns, inputs, outputs)
            return product.operation.products(product.inputs, product.outputs)
        }
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        if isFewRows(inputs) { return fewRows(inputs, outputs, device) }
        var dispatches: [Dispatch] = []
        for columns in parts(inputs[0].elementType, device.operandBytes) {
            let product = product(columns, inputs, outputs)
            let part = product.inputs[1]
            let (row, column) = transposesWeight ? (columns.lowerBound, 0) : (0, columns.lowerBound)
            let height = rowsAtATime(inputs[1], width: part.columns, operandBytes: device.operandBytes)
            for start in stride(from: 0, to: part.rows, by: height) {
                let rows = start..<min(part.rows, start + height)
                dispatches.append(dequantized(inputs[1], into: part.rows(rows), row: row + start, column: column, device))
            }
            dispatches += try product.operation.dispatches(product.inputs, product.outputs, device)
        }
        return dispatches
    }

    /// Rows of the weight whose codes fit one operand, where so many columns of each are read.
    private func rowsAtATime(_ weight: TensorReference, width: Int, operandBytes: Int) -> Int {
        guard case .words(let format) = format else { return BlockTiling.rowsAtATime(weight, operandBytes: operandBytes) }
        let (bytes, isTooLarge) = operandBytes.subtractingReportingOverflow(64)
        let (numbers, overflows) = max(0, bytes).multipliedReportingOverflow(by: format == .q8 ? 1 : 2)
        guard !isTooLarge, !overflows else { return max(1, outputs) }
        return max(1, (numbers - width) / max(1, inputs) + 1)
    }

    /// Rows of activations with which a weight is multiplied as it lies.
    private static let fewRows = 8

    private func isFewRows(_ operands: [TensorReference]) -> Bool {
        isRowExact && (1...Self.fewRows).contains(operands[0].rows) && inputs % Self.runLength == 0
    }

    /// The products of a few rows, by the weight's rows whose codes fit one operand.
    private func fewRows(_ operands: [TensorReference], _ results: [TensorReference], _ device: DeviceProfile) -> [Dispatch] {
        let (x, words) = (operands[0], operands[1])
        let height = rowsAtATime(words, width: inputs, operandBytes: device.operandBytes)
        let groupSize = device.isProcessor ? device.subgroupSize : min(64, device.maximumGroupInvocations)
        return stride(from: 0, to: outputs, by: height).map { start in
            let columns = start..<min(outputs, start + height)
            var definitions = definitions
            definitions["ROWS"] = x.rows
            if hasAddend { definitions["HAS_ADDEND"] = 1 }
            let weight: [TensorReference]
            var parameters = [x.rows.word, columns.count.word, inputs.word]
            switch format {
            case .words(let format):
                let parts = self.parts(format, of: columns.lowerBound * inputs, to: columns.upperBound * inputs)
                weight = parts.map { words.columns($0.word + $0.words.lowerBound..<$0.word + $0.words.upperBound) }
                let firstWords = parts.prefix(3).map { $0.words.lowerBound.word } + (format == .q8 ? [0] : [])
                parameters += firstWords + [columns.lowerBound.word]
            case .blocks: weight = [words.rows(columns)]
            }
            return Dispatch(
                "few_rows_product", reads: [x] + weight + operands.dropFirst(2).map { $0.columns(columns) },
                writes: [results[0].columns(columns)], definitions: definitions, specialization: [UInt32(groupSize)],
                parameters: parameters, groupCount: (columns.count + groupSize - 1) / groupSize)
        }
    }

    /// What the shaders are compiled with.
    private var definitions: [String: Int] {
        switch format {
        case .words(let format): ["FORMAT": format == .q8 ? 0 : 1]
        case .blocks(let format): ["FORMAT": 2, "BLOCKS": Int(format.number)]
        }
    }

    /// By part of the layout its first word, and which of its words the numbers from `first` to
    /// `end` are read from.
    func parts(_ format: QuantizedFormat, of first: Int, to end: Int) -> [(word: Int, words: Range<Int>)] {
        let layout = QuantizedLayout(format, elementCount: outputs * inputs)
        let blocks = first / format.blockLength..<(end + format.blockLength - 1) / format.blockLength
        switch format {
        case .q8:
            return [
                (layout.scaleWord, blocks.lowerBound / 2..<(blocks.upperBound + 1) / 2), (layout.codeWord, first / 4..<(end + 3) / 4),
            ]
        case .nf4:
            let length = QuantizedLayout.groupLength
            let groups = blocks.lowerBound / length..<(blocks.upperBound + length - 1) / length
            return [
                (layout.scaleWord, blocks.lowerBound / 4..<(blocks.upperBound + 3) / 4), (layout.codeWord, first / 8..<(end + 7) / 8),
                (layout.groupWord, groups), (0, 0..<QuantizedLayout.meanWord + 1),
            ]
        }
    }

    /// Writes the numbers of the weight from (`row`, `column`) on into `target`.
    private func dequantized(
        _ words: TensorReference, into target: TensorReference, row: Int, column: Int, _ device: DeviceProfile
    ) -> Dispatch {
        // Where rows allow it an invocation takes a run of numbers, which have their scale and
        // whole words of codes in common.
        let run = [inputs, column, target.columns].allSatisfy { $0 % Self.runLength == 0 } ? Self.runLength : 1
        let tiling = ElementwiseTiling(rows: target.rows, columns: target.columns / run, device)
        let reads: [TensorReference]
        var parameters = tiling.parameters
        switch format {
        case .words(let format):
            let first = row * inputs + column
            let parts = self.parts(format, of: first, to: first + max(0, target.rows - 1) * inputs + target.columns)
            reads = parts.map { words.columns($0.word + $0.words.lowerBound..<$0.word + $0.words.upperBound) }
            parameters += [row.word, column.word, inputs.word] + parts.prefix(3).map { $0.words.lowerBound.word }
        case .blocks:
            reads = [words.rows(row..<row + target.rows)]
            parameters += [0, column.word, inputs.word]
        }
        return Dispatch(
            "quantized_product", reads: reads, writes: [target],
            definitions: definitions.merging(run > 1 ? ["RUN": run] : [:]) { $1 }, specialization: tiling.specialization,
            parameters: parameters, groupCount: tiling.groupCount)
    }
}

/// Weights in blocks that are larger than an operand of the device.
enum BlockTiling {
    /// Rows that fit one operand, wherever it begins.
    static func rowsAtATime(_ weight: TensorReference, operandBytes: Int) -> Int {
        max(1, min(weight.rows, (max(0, operandBytes - 256) - weight.columns) / max(1, weight.rowStride) + 1))
    }
}
