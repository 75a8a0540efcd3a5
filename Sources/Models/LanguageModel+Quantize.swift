package import Graph
import Quantization
import Storage
import Tensors

extension LanguageModel {
    /// Fills the copy of the head that generation has where its shape says so.
    /// - Throws: ``ModelError`` if the head holds what cannot be quantised, and what the memory
    ///   throws.
    package func fillQuantizedHead(_ memory: any PersistentMemory) throws {
        let name = configuration.tiesEmbeddings ? family.names.embedding : family.names.head
        guard memory.layout.placements[GenerationShape.keyOfHead] != nil, let weight = declarations.first(where: { $0.name == name })
        else { return }
        try quantize(
            weight, QuantizedLayout(.q8, elementCount: weight.rows * weight.columns), to: GenerationShape.keyOfHead, memory)
    }

    /// Quantises one weight into the memory of a device. Of the stored tensor no more than what
    /// threads are reading stays in memory.
    /// - Parameter key: where the words go; nil: to the weight's own key.
    /// - Throws: ``ModelError`` if the weight holds what cannot be quantised, and what the memory
    ///   throws.
    func quantize(
        _ weight: ModelBuilder.WeightDeclaration, _ layout: QuantizedLayout, to key: String? = nil, _ memory: any PersistentMemory
    ) throws {
        let key = key ?? weight.name
        switch source {
        case .checkpoint(let checkpoint):
            guard let stored = checkpoint.tensors[weight.name], stored.elementCount == layout.elementCount else { return }
            let transposed = weight.isTransposed ? TransposedTensor(stored) : nil
            try quantize(key, layout, file: stored.file.path, field: weight.name, memory) { range, numbers in
                if let transposed { return transposed.read(range, into: numbers) }
                stored.read(range, into: numbers)
                guard stored.isPlain else { return }
                let size = stored.elementType.byteCount
                stored.file.evict(UnsafeRawBufferPointer(rebasing: stored.bytes[range.lowerBound * size..<range.upperBound * size]))
            }
            stored.file.evict(stored.bytes)
        case .random(let seed):
            let values = initialNumbers(weight, seed: seed)
            try quantize(key, layout, file: configuration.modelType, field: weight.name, memory) { range, numbers in
                values.fill(range, into: numbers, .float32)
            }
        }
    }

    /// Quantises numbers into the tensor with a key.
    /// - Parameters:
    ///   - file: where they come from, and the name they have there.
    ///   - read: gives the numbers of a range of elements, from several threads.
    func quantize(
        _ key: String, _ layout: QuantizedLayout, file: String, field: String? = nil, _ memory: any PersistentMemory,
        _ read: @escaping @Sendable (_ range: Range<Int>, _ numbers: UnsafeMutablePointer<Float>) -> Void
    ) throws {
        guard let placement = memory.layout.placements[key] else { throw GraphError.undefinedValue(key) }
        let words = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.byteCount, alignment: 64)
        defer { words.deallocate() }
        guard let target = words.baseAddress else { return }
        switch WeightQuantizer(layout).quantize(into: target, read) {
        case .notFinite:
            throw ModelError(
                file: file, field: field ?? key, "holds a NaN or an infinity: the checkpoint is damaged or was never good")
        case .tooLarge:
            throw ModelError(
                file: file, field: field ?? key, "holds numbers too large for q8: set base_weights to nf4 or leave it out")
        case nil: try memory.write(UnsafeRawBufferPointer(words), to: placement)
        }
    }
}
