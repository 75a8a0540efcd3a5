import Graph
import Quantization
import Tensors

/// A part of the weight is dequantised into scratch memory, then multiplied as any other matrix is; so the tuned products serve here too, and no
/// more than ``partBytes`` of the weight exist at a time. Parts are cut along the result's columns: no sum is cut.
extension QuantizedProduct: VulkanKernel {
    /// Bytes of a dequantised part.
    private static let partBytes = 16 << 20

    /// Columns of the result in one part.
    private func partWidth(_ elementType: ElementType) -> Int {
        let (inner, width) = transposesWeight ? (inputs, outputs) : (outputs, inputs)
        let fitting = Self.partBytes / max(1, inner * elementType.byteCount)
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
        let operation = MatrixProduct(transposesB: transposesWeight, hasAddend: hasAddend, outputType: outputType)
        return (operation, [operands[0], part] + operands.dropFirst(2).map { $0.columns(columns) }, outputs.map { $0.columns(columns) })
    }

    private func parts(_ elementType: ElementType) -> [Range<Int>] {
        let width = partWidth(elementType)
        return stride(from: 0, to: resultWidth, by: width).map { $0..<min(resultWidth, $0 + width) }
    }

    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int {
        parts(inputs[0].elementType).map { columns in
            let product = product(columns, inputs, outputs)
            return max(product.inputs[1].byteSpan, product.operation.scratchByteCount(product.inputs, product.outputs, device))
        }.max() ?? 0
    }

    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample] {
        parts(inputs[0].elementType).flatMap { columns in
            let product = product(columns, inputs, outputs)
            return product.operation.products(product.inputs, product.outputs)
        }
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        var dispatches: [Dispatch] = []
        for columns in parts(inputs[0].elementType) {
            let product = product(columns, inputs, outputs)
            let part = product.inputs[1]
            let tiling = ElementwiseTiling(rows: part.rows, columns: part.columns, device)
            let origin = transposesWeight ? (columns.lowerBound, 0) : (0, columns.lowerBound)
            dispatches.append(
                Dispatch(
                    "quantized_product", reads: [inputs[1]], writes: [part], definitions: ["FORMAT": format == .q8 ? 0 : 1],
                    specialization: tiling.specialization,
                    parameters: tiling.parameters + [
                        origin.0.word, origin.1.word, self.inputs.word, layout.scaleWord.word, layout.groupWord.word, layout.codeWord.word,
                    ], groupCount: tiling.groupCount))
            dispatches += try product.operation.dispatches(product.inputs, product.outputs, device)
        }
        return dispatches
    }
}
