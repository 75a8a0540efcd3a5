import Manifest

/// A tensor of the model of which an adapter has one of its own, trained whole: a bias, or a tensor
/// of a module that is saved with it.
package struct AdapterCopy: Sendable, Hashable {
    /// As a checkpoint of the whole model calls it.
    package var name: String
    /// As PEFT's files call it.
    package var key: String
    /// What it begins as: the checkpoint's tensor of this name.
    var source: String
    package var rows: Int
    package var columns: Int
    package var isVector: Bool
}

extension AdapterSettings {
    /// What the adapter is beside matrices on linear layers that all tokens take, in words; nil:
    /// nothing.
    package func beyondMatrices(_ adapters: [AdapterModule]) -> String? {
        var words: [String] = usesMagnitudes ? ["lengths of rows (use_dora)"] : []
        if let embedding = adapters.first(where: \.module.isEmbedding) {
            words.append("matrices on the embedding (\(embedding.module.name))")
        }
        if let expert = adapters.first(where: \.module.isExpert) {
            words.append("matrices on experts (such as \(expert.module.name))")
        }
        if bias != .none { words.append("biases (bias: \(bias.rawValue))") }
        if !savedModules.isEmpty { words.append("whole modules (modules_to_save: \(savedModules.joined(separator: ", ")))") }
        return words.isEmpty ? nil : words.joined(separator: " and ")
    }

    /// The adapter beside the base as it is, as PEFT converts one that began as a part of it: with
    /// twice the ranks, and alphas that leave the scales what they are.
    package var plain: AdapterSettings {
        guard initialisation.changesBase else { return self }
        var plain = self
        let factor = usesRankStabilisedScaling ? 2.0.squareRoot() : 2
        plain.initialisation = .standard
        (plain.rank, plain.alpha) = (2 * rank, alpha * factor)
        plain.rankExceptions = rankExceptions.map { .init($0.expression, 2 * $0.value) }
        plain.alphaExceptions = alphaExceptions.map { .init($0.expression, factor * $0.value) }
        return plain
    }

    /// Why such an adapter cannot be one of several in a batch; nil: it can.
    package func whyNotByRow(_ adapters: [AdapterModule]) -> String? {
        return beyondMatrices(adapters) ?? (initialisation.changesBase ? "a base of its own (init_lora_weights)" : nil)
    }

    /// Whether a model whose head is its embedding has two with this adapter: PEFT copies a saved
    /// module, and a copy is tied to nothing.
    ///
    /// An adapter on the embedding is none on the head either.
    package func unties(_ configuration: ModelConfiguration, _ adapters: [AdapterModule]) -> Bool {
        guard configuration.tiesEmbeddings, let names = configuration.family?.family.names else { return false }
        if keepsTies { return false }
        return isSaved(ModelBuilder.module(of: names.embedding)) || savesHead(names) || adapters.contains { $0.module.isEmbedding }
    }

    private func isSaved(_ module: String) -> Bool { savedModules.contains { module.hasSuffix($0) } }

    /// Whether the head is saved, by either of its names.
    func savesHead(_ names: ModelNames) -> Bool { isSaved(ModelBuilder.module(of: names.head)) || names.headAlias.map(isSaved) ?? false }

    /// Saves embedding and head too, which have rows of new tokens. A head that is the embedding
    /// stays it.
    package mutating func saveVocabulary(of configuration: ModelConfiguration, hasVocabularyHead: Bool) {
        guard let names = configuration.family?.family.names else { return }
        keepsTies = true
        for name in [names.embedding] + (hasVocabularyHead ? [names.head] : []) {
            let module = ModelBuilder.module(of: name)
            guard !isSaved(module) else { continue }
            savedModules.append(module.split(separator: ".").last.map(String.init) ?? module)
        }
    }

    /// The copies that the adapter has of a model's tensors, in the order of the model.
    ///
    /// Names as PEFT (0.21) chooses and stores them: a module is saved where its name ends with one
    /// of ``savedModules``; a bias is what a tensor with that word in its name is, and below a
    /// layer with an adapter it has `base_layer` in its name.
    /// - Parameters:
    ///   - hasVocabularyHead: whether the model has its head over the vocabulary.
    /// - Throws: ``ModelError`` if a word names no module, or one with an adapter.
    func copies(
        of declarations: [ModelBuilder.WeightDeclaration], _ adapters: [AdapterModule], _ configuration: ModelConfiguration,
        hasVocabularyHead: Bool
    ) throws(ModelError) -> [AdapterCopy] {
        func failure(_ message: String) -> ModelError { ModelError(file: "manifest", field: "adapter.modules_to_save", message) }
        if keepsTies, hasVocabularyHead, configuration.tiesEmbeddings, let embedding = adapters.first(where: \.module.isEmbedding) {
            throw ModelError(
                file: initialFolder.map { $0 + "/adapter_config.json" } ?? "manifest", field: "target_modules",
                "names \(embedding.module.name), whose matrices would be the head's too (ensure_weight_tying), which is not supported")
        }
        var tensors = declarations.map { ($0, source: $0.name) }
        let names = configuration.family?.family.names
        var savedByHead = names.flatMap { savesHead($0) ? $0.head : nil }
        if hasVocabularyHead, configuration.tiesEmbeddings, let names, var head = declarations.first(where: { $0.name == names.embedding })
        {
            if keepsTies {
                // The head is the embedding's copy, whichever of the two is named.
                savedByHead = savesHead(names) ? names.embedding : nil
            } else {
                head.name = names.head
                tensors.append((head, source: names.embedding))
            }
        }
        let modules = tensors.map { ModelBuilder.module(of: $0.0.name) }
        let heads = [keepsTies ? names.map { ModelBuilder.module(of: $0.head) } : nil, names?.headAlias].compactMap { $0 }
        if let word = savedModules.first(where: { word in !(modules + heads).contains { $0.hasSuffix(word) } }) {
            let known = Set(modules.map { $0.split(separator: ".").last.map(String.init) ?? $0 }).sorted().joined(separator: ", ")
            throw failure("the model has no module \"\(word)\"; its modules are \(known)")
        }
        let adapted = Set(adapters.map(\.module.name))
        var copies: [AdapterCopy] = []
        for ((tensor, source), module) in zip(tensors, modules) {
            let isWrapped = adapted.contains(module)
            if isSaved(module) || tensor.name == savedByHead {
                guard !isWrapped else {
                    throw failure("names \(module), which has an adapter too: leave it out, or put it into exclude_modules")
                }
            } else {
                guard tensor.isVector, tensor.name.hasSuffix(".bias"), bias == .all || (bias == .loraOnly && isWrapped) else { continue }
            }
            copies.append(
                AdapterCopy(
                    name: tensor.name, key: "base_model.model." + (isWrapped ? "\(module).base_layer.bias" : tensor.name), source: source,
                    rows: tensor.rows, columns: tensor.columns, isVector: tensor.isVector))
        }
        return copies
    }
}
