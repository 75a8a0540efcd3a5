package import Graph
package import Models

extension LanguageModel {
    /// Every persistent tensor of the model, in the order in which memory holds them: frozen
    /// weights and constants, the pages of trained tensors, the tensors inside the pages, then
    /// `others`.
    /// - Parameters:
    ///   - kinds: what is kept for every trained tensor beside the tensor itself.
    ///   - absent: keys of pages that are not kept here, with all that lies on them.
    package func persistentTensors(
        keeping kinds: [PersistentTensor.Kind] = [], with others: [PersistentTensor] = [], without absent: Set<String> = []
    ) -> [PersistentTensor] {
        let kinds = [.parameter] + kinds
        let parts = kinds.flatMap { kind in trainables.parameters.compactMap { trainables.tensor(of: $0.key, kind) } }
        let stacks = kinds.flatMap { kind in trainables.stacks.compactMap { trainables.tensor(of: $0.key, kind) } }
        let trained = trainables.pageTensors(kinds) + parts + stacks
        return frozenTensors + (absent.isEmpty ? trained : trained.filter { !absent.contains($0.page?.key ?? $0.key) }) + others
    }

    /// Where these tensors lie on a device with these limits, known before anything is allocated.
    /// - Throws: ``GraphError/tensorTooLarge(name:byteCount:limit:operation:)``.
    package func layout(
        within limits: MemoryLimits, keeping kinds: [PersistentTensor.Kind] = [], with others: [PersistentTensor] = [],
        without absent: Set<String> = []
    ) throws(GraphError) -> PersistentLayout {
        try PersistentLayout(
            persistentTensors(keeping: kinds, with: others, without: absent), limits: limits,
            mappedWeights: limits.mapsWeights ? Set(mappedWeights.keys) : [])
    }

    /// The tensors that generation keeps beside the model: keys and values, and room for adapters.
    /// - Throws: ``GraphError`` where the model's graph cannot be built.
    package func generationTensors(_ shape: GenerationShape) throws(GraphError) -> [PersistentTensor] {
        var graph = Graph()
        _ = try addForward(to: &graph, tokenCount: 1, isTraining: false, generation: shape)
        return graph.persistentTensors.filter { $0.kind == .cache }
    }
}
