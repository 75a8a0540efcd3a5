import Graph
import Quantization
import Storage
import Tensors

extension LanguageModel {
    /// Quantises one weight into the memory of a device. Of the stored tensor no more than what
    /// threads are reading stays in memory.
    /// - Throws: ``ModelError`` if the weight holds what cannot be quantised, and what the memory
    ///   throws.
    func quantize(_ weight: ModelBuilder.WeightDeclaration, _ layout: QuantizedLayout, _ memory: any PersistentMemory) throws {
        guard let placement = memory.layout.placements[weight.name] else { throw GraphError.undefinedValue(weight.name) }
        let words = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.byteCount, alignment: 64)
        defer { words.deallocate() }
        guard let target = words.baseAddress else { return }
        let fault: WeightQuantizer.Fault?
        var file = configuration.modelType
        switch source {
        case .checkpoint(let checkpoint):
            guard let stored = checkpoint.tensors[weight.name], stored.elementCount == layout.elementCount else { return }
            file = stored.file.path
            let transposed = weight.isTransposed ? TransposedTensor(stored) : nil
            fault = WeightQuantizer(layout).quantize(into: target) { range, numbers in
                if let transposed { return transposed.read(range, into: numbers) }
                let size = stored.elementType.byteCount
                let part = UnsafeRawBufferPointer(rebasing: stored.bytes[range.lowerBound * size..<range.upperBound * size])
                guard let start = part.baseAddress else { return }
                FloatConversion.widen(start, stored.elementType, count: range.count, into: numbers)
                stored.file.evict(part)
            }
            stored.file.evict(stored.bytes)
        case .random(let seed):
            let values = initialNumbers(weight, seed: seed)
            fault = WeightQuantizer(layout).quantize(into: target) { range, numbers in values.fill(range, into: numbers, .float32) }
        }
        switch fault {
        case .notFinite:
            throw ModelError(
                file: file, field: weight.name, "holds a NaN or an infinity: the checkpoint is damaged or was never good")
        case .tooLarge:
            throw ModelError(file: file, field: weight.name, "holds numbers too large for q8: set base_weights to nf4 or leave it out")
        case nil: try memory.write(UnsafeRawBufferPointer(words), to: placement)
        }
    }
}
