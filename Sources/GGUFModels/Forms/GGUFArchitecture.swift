package import GGUF
package import JSON

/// A model family as llama.cpp knows it: its name there, its keys, the names of its tensors and
/// what has to be done to them.
package struct GGUFArchitecture {
    /// What happens to a tensor on the way.
    package enum Change: Sendable, Hashable {
        case none
        /// Rows of so many heads from halves to neighbouring pairs: in each head of d rows the new
        /// row 2j is the old j, the new 2j + 1 the old j + d/2.
        case interleaveHeads(Int)
        /// Rows of so many heads, of which each has its queries, keys and values together: all
        /// queries first, then all keys, then all values.
        case gatherThirds(Int)
        /// Norms that are stored as their distance from one.
        case addOne

        /// Which row of the file a row of the checkpoint is: what ``source(ofRow:rows:)`` undoes.
        package func place(ofRow row: Int, rows: Int) -> Int {
            switch self {
            case .none, .addOne: return row
            case .interleaveHeads(let heads):
                guard heads > 0, rows % (2 * heads) == 0 else { return row }
                let width = rows / heads
                let within = row % width
                return row - within + (within < width / 2 ? 2 * within : 2 * (within - width / 2) + 1)
            case .gatherThirds(let heads):
                guard heads > 0, rows % (3 * heads) == 0 else { return row }
                let width = rows / heads / 3
                let (part, column) = row.quotientAndRemainder(dividingBy: width)
                return (part % 3 * heads + part / 3) * width + column
            }
        }

        /// Which row of the checkpoint becomes this row of the file.
        package func source(ofRow row: Int, rows: Int) -> Int {
            switch self {
            case .none, .addOne: return row
            case .interleaveHeads(let heads):
                guard heads > 0, rows % (2 * heads) == 0 else { return row }
                let width = rows / heads
                let within = row % width
                return row - within + within / 2 + (within % 2) * (width / 2)
            case .gatherThirds(let heads):
                guard heads > 0, rows % (3 * heads) == 0 else { return row }
                let width = rows / heads / 3
                let (third, rest) = row.quotientAndRemainder(dividingBy: heads * width)
                return (rest / width * 3 + third) * width + rest % width
            }
        }
    }
    package struct Target: Hashable {
        package var name: String
        package var change = Change.none
        /// Whether the file has the matrix the other way round.
        package var isTurned = false
    }

    package let name: String
    package let configuration: GGUFConfiguration
    package let sizes: GGUFConfiguration.Sizes
    private let form: GGUFForm

    /// - Parameter node: config.json.
    /// - Throws: ``GGUFError`` for a family that is not written, or naming the key that a GGUF file
    ///   cannot say.
    package init(_ node: JSONNode) throws(GGUFError) {
        configuration = try GGUFConfiguration(node)
        form = configuration.family.form
        name = form.name
        sizes = try configuration.sizes()
        try configuration.check()
    }

    package var tiesEmbeddings: Bool {
        configuration.flag("tie_word_embeddings") ?? configuration.flag("tie_embedding") ?? form.tiesByDefault
    }

    /// Whether the head stands in a file as well, though it is the embedding: llama.cpp demands it
    /// of some families.
    package var repeatsTiedHead: Bool { form.repeatsTiedHead && tiesEmbeddings }

    /// The keys below the architecture's name, in the order in which llama.cpp's converter writes
    /// them.
    package func metadata() throws(GGUFError) -> [(String, GGUFValue)] {
        let keyHeads =
            configuration.family.keyHeads(configuration, sizes).map { GGUFValue.integers($0.map { Int32(clamping: $0) }) }
            ?? .uint32(sizes.keyHeads)
        var keys: [(String, GGUFValue)] = [
            ("block_count", .uint32(sizes.layers)), ("context_length", .uint32(sizes.positions)),
            ("embedding_length", .uint32(sizes.hidden)),
            ("feed_forward_length", .uint32(sizes.inner)), ("attention.head_count", .uint32(sizes.heads)),
            ("attention.head_count_kv", keyHeads),
        ]
        let isUsual = configuration.rotaryBase == form.usualRotaryBase
        if form.writesRotaryBase || !isUsual, !form.learnsPositions { keys.append(("rope.freq_base", .float32(configuration.rotaryBase))) }
        keys.append((form.epsilon.file, .float32(configuration.number(form.epsilon.configuration) ?? form.usualEpsilon)))
        if form.writesHeadWidth {
            keys += [("attention.key_length", .uint32(sizes.headWidth)), ("attention.value_length", .uint32(sizes.headWidth))]
        }
        if form.writesVocabulary {
            keys += [("vocab_size", .uint32(sizes.vocabulary)), ("rope.dimension_count", .uint32(sizes.headWidth))]
        }
        keys += try configuration.ownKeys(sizes)
        return keys.map { (name + "." + $0.0, $0.1) }
    }

    /// The layer of a tensor of the checkpoint; nil for what belongs to none.
    package func layer(of tensor: String) -> Int? {
        guard tensor.hasPrefix(form.layers + ".") else { return nil }
        return tensor.dropFirst(form.layers.count + 1).split(separator: ".").first.flatMap { Int($0) }
    }

    /// Where a tensor of the checkpoint goes; nil for one that is not written.
    /// - Throws: ``GGUFError`` for one of which nothing is known.
    package func target(of tensor: String) throws(GGUFError) -> Target? {
        // Tables that older versions of transformers stored.
        if ["rotary_emb.inv_freq", "attention.masked_bias", "attention.bias", "attn.masked_bias", "attn.bias"].contains(where: {
            tensor.hasSuffix("." + $0)
        }) {
            return nil
        }
        if let name = form.bareName(tensor) { return Target(name: name) }
        // Experts as they are stored; the model has taken them apart.
        if form.experts != nil, tensor.hasSuffix("_blocks") || tensor.hasSuffix("_scales") { return nil }
        var parts = tensor.split(separator: ".").map(String.init)
        guard parts.count > 1 else { throw unknown(tensor) }
        let kind = parts.removeLast()
        guard let layer = layer(of: tensor) else {
            guard let name = form.outer[parts.joined(separator: ".")] else { throw unknown(tensor) }
            if name == "output", tiesEmbeddings { return nil }
            return Target(name: "\(name).\(kind)", change: change(name))
        }
        let module = parts.dropFirst(form.layers.split(separator: ".").count + 1).joined(separator: ".")
        guard let name = form.modules[module] else { throw unknown(tensor) }
        return Target(
            name: "blk.\(layer).\(name).\(kind)", change: change(name), isTurned: kind == "weight" && form.turned.contains(name))
    }

    /// Where one expert's weight goes: the tensor of the file that holds those of all experts of
    /// the layer, and the expert's place in it; nil for other tensors.
    package func expert(of tensor: String) -> (file: String, expert: Int)? { form.expert(tensor) }

    /// Experts of a layer.
    package var expertCount: Int { form.experts.flatMap { configuration.count(of: $0.countKey) } ?? 0 }

    private func unknown(_ tensor: String) -> GGUFError { GGUFError("\(tensor) has no name in a GGUF file") }

    private func change(_ name: String) -> Change { form.change(name, heads: sizes.heads, keyHeads: sizes.keyHeads) }
}
