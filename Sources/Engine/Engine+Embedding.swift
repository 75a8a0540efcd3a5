import Models

extension Engine {
    /// Takes a text into the queue of those that become vectors.
    /// - Throws: ``EngineError`` if it can never be computed, or too many wait already.
    package func submit(_ request: EmbeddingRequest) throws(EngineError) {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        let length = request.terms.contextLength(settings)
        guard request.prompt.count <= length else {
            throw .contextExceeded(promptTokens: request.prompt.count, maximumTokens: 0, contextLength: length)
        }
        let vocabulary = engineModel.vocabularySize
        if let token = request.prompt.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw .tokenOutOfVocabulary(token, vocabularySize: vocabulary)
        }
        if let adapter = request.adapter, adapters[adapter] == nil { throw .noSuchAdapter(adapter) }
        try request.terms.checkQueue(embeddings.lazy.map(\.request.terms), settings)
        let pages = (request.prompt.count + GenerationShape.pageRows - 1) / GenerationShape.pageRows
        guard pages <= pool.count else { throw .doesNotFit(pages: pages, available: pool.count) }
        let rotary = model.rotaryRows.firstRow(exampleLength: request.prompt.count)
        embeddings.append(EmbeddingSequence(request: request, firstRotaryRow: rotary))
    }

    /// Computes the next piece of the oldest text that is to become a vector: one at a time, so
    /// that texts that are being written go on in between.
    /// - Returns: its vector when it is done.
    /// - Throws: what the device throws; the engine is of no use then.
    package func stepEmbeddings() throws -> [EngineEvent] {
        guard var sequence = embeddings.first else { return [] }
        if sequence.slot < 0 {
            let count = (sequence.request.prompt.count + GenerationShape.pageRows - 1) / GenerationShape.pageRows
            guard !freeSlots.isEmpty, let pages = pool.take(count), let slot = freeSlots.popLast() else { return [] }
            (sequence.pages, sequence.slot) = (pages, slot)
            engineModel.setPages(pages, slot: slot)
        }
        let prompt = sequence.request.prompt
        let pending = prompt.count - sequence.computed
        let end = sequence.computed + min(pending, engineModel.rowLimit, promptRows(besides: running.count, pending: pending))
        let rows = (sequence.computed..<end).map { position in
            EngineModel.Row(
                token: prompt[position], position: position, slot: sequence.slot, rotaryRow: sequence.firstRotaryRow + position,
                adapter: sequence.request.adapter ?? -1, wantsLogits: false)
        }
        let states = try engineModel.states(rows)
        let width = states.count / rows.count
        if sequence.request.pooling == .last {
            sequence.states = states.suffix(width).map(Double.init)
        } else {
            if sequence.states.isEmpty { sequence.states = Array(repeating: 0, count: width) }
            for row in rows.indices { for column in 0..<width { sequence.states[column] += Double(states[row * width + column]) } }
        }
        sequence.computed = end
        embeddings[0] = sequence
        guard end == prompt.count else { return [] }
        embeddings.removeFirst()
        release(sequence)
        return [.embedding(id: sequence.request.id, sequence.vector, promptTokens: prompt.count)]
    }

    func cancelEmbedding(_ id: UInt64) {
        for sequence in embeddings where sequence.request.id == id { release(sequence) }
        embeddings.removeAll { $0.request.id == id }
    }

    private func release(_ sequence: EmbeddingSequence) {
        guard sequence.slot >= 0 else { return }
        pool.release(sequence.pages)
        freeSlots.append(sequence.slot)
    }
}
