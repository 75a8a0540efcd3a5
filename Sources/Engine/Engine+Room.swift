import Models

/// Who has which pages of the cache.
///
/// A request gets pages for its prompt and a little more, and further ones as its answer grows.
/// Where there are none left, the youngest answer makes room for an older one: it waits, first of
/// all, and goes on later with the tokens that it has. So the oldest always gets on.
extension Engine {
    /// Pages that an answer grows by.
    private static let extent = 2

    func release(_ sequence: EngineSequence) {
        pool.release(sequence.pages)
        sequence.pages = []
        freeSlots.append(sequence.slot)
    }

    /// Begins what there is room for, in the order of arrival.
    func admit() {
        while let next = waiting.first, !freeSlots.isEmpty {
            // Further answers to a prompt begin when the first has computed it, and share it.
            if next.choice > 0, running.contains(where: { $0.request.id == next.request.id && !$0.isPromptDone }) { return }
            // A prompt that is scored is computed whole; of others the last token is.
            let shared = pool.take(
                prefixOf: next.tokens, limit: next.isScoring ? 0 : next.tokens.count - 1, scope: next.scope,
                pageRows: GenerationShape.pageRows)
            // Whoever made room comes back for good.
            let count = next.hasYielded ? next.pageLimit : min(next.pageLimit, next.pageCount + Self.extent)
            guard let own = pool.take(count - shared.pages.count), let slot = freeSlots.popLast() else {
                pool.release(shared.pages)
                return
            }
            waiting.removeFirst()
            next.pages = shared.pages + own
            next.slot = slot
            next.computed = shared.pages.count * GenerationShape.pageRows
            (next.publishedCount, next.node) = (shared.pages.count, shared.node)
            engineModel.setPages(next.pages, slot: slot)
            if next.choice == 0, !next.hasYielded { open[next.request.id]?.totals.cachedTokens = next.computed }
            running.append(next)
        }
    }

    /// Gives each answer the pages that its next token needs, the oldest first.
    func grow() {
        for sequence in running where sequence.isWriting && sequence.slot >= 0 && sequence.pages.count < sequence.pageCount {
            let missing = sequence.pageCount - sequence.pages.count
            let wanted = min(sequence.pageLimit - sequence.pages.count, missing + Self.extent - 1)
            while let youngest = running.last {
                if let own = pool.take(wanted) ?? pool.take(missing) {
                    sequence.pages += own
                    engineModel.setPages(sequence.pages, slot: sequence.slot)
                    break
                }
                makeRoom(youngest)
                if youngest === sequence { break }
            }
        }
    }

    /// Takes an answer's pages; it goes on when there is room for all of it.
    private func makeRoom(_ sequence: EngineSequence) {
        yieldCount += 1
        release(sequence)
        sequence.yield()
        running.removeAll { $0 === sequence }
        waiting.insert(sequence, at: 0)
    }
}
