import Graph
import Manifest
import Quantization
import Storage
import Tensors

extension LanguageModel {
    /// The weights that are stored in blocks of a few bits, as GGUF files have them.
    private var packed: [(weight: ModelBuilder.WeightDeclaration, stored: StoredTensor, word: String)] {
        guard case .checkpoint(let checkpoint) = source else { return [] }
        return declarations.compactMap { weight in
            guard let stored = checkpoint.tensors[weight.name]?.unturned, let blocks = stored.blocks else { return nil }
            return (weight, stored, blocks.word)
        }
    }

    /// The blocks in which a frozen weight stays on the device: those of the file, unless
    /// `base_weights` names another format.
    func packedFormat(_ name: String) -> BlockFormat? {
        guard precision.baseWeights == .stored, case .checkpoint(let checkpoint) = source, let stored = checkpoint.tensors[name]?.unturned,
            stored.shape.count == 2, stored.offset == 0, stored.grown == nil, isFrozen(name)
        else { return nil }
        return stored.blocks as? BlockFormat
    }

    /// The format of few bits in which a frozen matrix lies on the device; nil: numbers.
    func weightFormat(_ name: String) -> WeightFormat? {
        if let blocks = packedFormat(name) { return .blocks(blocks) }
        return linearWeights.contains(name) && isFrozen(name) ? precision.baseWeights.quantizedFormat.map { .words($0) } : nil
    }

    private static func words(_ packed: [String]) -> String { Set(packed).sorted().map { $0.uppercased() }.joined(separator: ", ") }

    /// - Throws: ``ModelError`` where weights that are stored in blocks would be trained: a step of
    ///   training is smaller than what their codes can say.
    func checkPackedAreFrozen() throws(ModelError) {
        guard case .full = training, let first = packed.first else { return }
        throw ModelError(
            file: first.stored.file.path, field: "adapter.type",
            "full trains all weights, and the file has them quantised (\(Self.words(packed.map(\.word)))): train an adapter (adapter.type: lora), "
                + "or name the model in 16 or 32 bits")
    }

    /// What frozen weights that are stored in blocks take on the device when they do not stay in
    /// them; nil where there are none.
    package var widenedRemark: String? {
        let widened = packed.filter { packedFormat($0.weight.name) == nil && isFrozen($0.weight.name) }
        guard !widened.isEmpty else { return nil }
        var (before, after) = (0, 0)
        var types: Set<String> = []
        for (weight, stored, _) in widened {
            before += stored.bytes.count
            if let layout = quantizedLayout(of: weight) {
                after += layout.byteCount
                types.insert(layout.format.rawValue)
            } else {
                let type = frozenType(weight.name, weight.isVector ? .vector : .product)
                after += stored.elementCount * type.byteCount
                types.insert(type.rawValue)
            }
        }
        func megabytes(_ count: Int) -> String { "\((count + (1 << 20) - 1) >> 20) MiB" }
        return "Weights that the file has as \(Self.words(widened.map(\.word))) (\(megabytes(before))) lie on the device as "
            + "\(types.sorted().joined(separator: " and ")) (\(megabytes(after)))"
    }
}
