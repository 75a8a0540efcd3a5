import Basics
import Models

extension Engine {
    /// A sequence's part in a step.
    private struct Share {
        var sequence: EngineSequence
        var count: Int
        /// Its first row that has logits, among those that do.
        var firstLogits: Int
        /// Tokens that were guessed to follow; each has a row of its own.
        var guesses: ArraySlice<Int32> = []
        /// Whether each of its rows has logits.
        var isScoring: Bool
    }

    /// Computes the next rows of all that are being answered, and begins what there is room for.
    /// - Returns: what became of requests, in order.
    /// - Throws: what the device throws; the engine is of no use then.
    package func step() throws -> [EngineEvent] {
        admit()
        grow()
        guard !running.isEmpty else { return [] }
        var rows: [EngineModel.Row] = []
        var shares: [Share] = []
        var logitCount = 0
        func add(_ sequence: EngineSequence, _ count: Int) {
            shares.append(Share(sequence: sequence, count: count, firstLogits: logitCount, isScoring: sequence.isScoring))
            for position in sequence.computed..<sequence.computed + count {
                let isLast = position == sequence.tokens.count - 1
                let wantsLogits = isLast || sequence.isScoring
                if wantsLogits { logitCount += 1 }
                rows.append(
                    EngineModel.Row(
                        token: sequence.tokens[position], position: position, slot: sequence.slot,
                        rotaryRow: sequence.firstRotaryRow + position, adapter: sequence.request.adapter ?? -1, wantsLogits: wantsLogits))
            }
        }
        /// Rows of one answer: the next, and those of what is guessed to follow.
        func addAnswer(_ sequence: EngineSequence, room: Int) {
            let pageRoom = sequence.pages.count * GenerationShape.pageRows - sequence.tokens.count
            let guesses = sequence.guesses(min(room, pageRoom, sequence.limit - sequence.tokens.count - 1))
            add(sequence, 1)
            for (place, token) in guesses.enumerated() {
                let position = sequence.computed + 1 + place
                rows.append(
                    EngineModel.Row(
                        token: token, position: position, slot: sequence.slot, rotaryRow: sequence.firstRotaryRow + position,
                        adapter: sequence.request.adapter ?? -1, wantsLogits: true))
            }
            logitCount += guesses.count
            shares[shares.count - 1].guesses = guesses
        }
        let answering = running.filter(\.isWriting)
        for (index, sequence) in answering.enumerated() {
            // Every answer has its own row first.
            let others = answering.count - index
            addAnswer(sequence, room: max(0, min(engineModel.logitLimit - logitCount, engineModel.rowLimit - rows.count) - others))
        }
        let pending = running.reduce(0) { $1.isWriting ? $0 : $0 + $1.pendingCount }
        var budget = min(engineModel.rowLimit - rows.count, promptRows(besides: rows.count, pending: pending))
        for sequence in running where !sequence.isWriting && budget > 0 {
            var count = min(sequence.pendingCount, budget)
            let room = engineModel.logitLimit - logitCount
            if sequence.isScoring { count = min(count, room) }
            if count == sequence.pendingCount, room < 1 { count -= 1 }
            guard count > 0 else { continue }
            add(sequence, count)
            budget -= count
        }
        let start = MonotonicClock.seconds()
        let size = try engineModel.run(rows)
        if rows.count >= 16 { secondsPerRow = (MonotonicClock.seconds() - start) / Double(size) }
        rowCounts.asked += rows.count
        rowCounts.computed += size
        var events: [EngineEvent] = []
        for share in shares { finish(share, &events) }
        running.removeAll { $0.finish != nil }
        return events
    }

    /// Rows of prompts for this step: all that a step has, or as many as keep it short where
    /// answers wait for it.
    ///
    /// A step costs what the size of its program costs, a power of two. So prompts fill a size to
    /// its end, and wait for the next step where they would leave much of it empty.
    /// - Parameters:
    ///   - answering: rows that the step has already.
    ///   - pending: rows of prompts that are left to compute.
    func promptRows(besides answering: Int, pending: Int) -> Int {
        guard answering > 0 else { return settings.chunkRows }
        let limit = min(engineModel.rowLimit, answering + settings.chunkRows)
        var size = EngineModel.step(answering + 1)
        // Prompts get on by 16 rows at least, however slow the device.
        while size < min(limit, answering + 16) { size *= 2 }
        let fitting = secondsPerRow.map { $0 > 0 ? settings.stepSeconds / $0 : .infinity } ?? .infinity
        while size < limit, Double(2 * size) <= fitting { size *= 2 }
        // The last rows of all prompts may be too few for the size.
        while size / 2 >= answering + 16, 5 * (answering + pending) < 3 * size { size /= 2 }
        return min(size, limit) - answering
    }

    private func finish(_ share: Share, _ events: inout [EngineEvent]) {
        let sequence = share.sequence
        let first = sequence.computed
        sequence.computed += share.count
        publish(sequence)
        let request = sequence.request
        if share.isScoring {
            for index in 0..<share.count where first + index + 1 < sequence.promptCount {
                sequence.promptProbabilities.append(
                    probabilities(share.firstLogits + index, of: sequence.tokens[first + index + 1], request.topLogProbabilities ?? 0))
            }
            if sequence.isPromptDone {
                sequence.isScored = true
                if sequence.choice == 0 { events.append(.prompt(id: request.id, sequence.promptProbabilities)) }
            }
        }
        guard sequence.pendingCount == 0 else { return }
        if sequence.tokens.count >= sequence.limit { return end(sequence, .length, &events) }
        open[request.id]?.totals.guessedTokens += share.guesses.count
        var row = share.firstLogits + (share.isScoring ? share.count - 1 : 0)
        var guesses = share.guesses
        // As long as what comes is what was guessed, the row behind it has been computed already.
        while write(sequence, row, &events), let guess = guesses.popFirst(), sequence.tokens.last == guess {
            sequence.computed += 1
            publish(sequence)
            row += 1
            open[request.id]?.totals.acceptedTokens += 1
        }
    }

    /// Chooses the next token of an answer from a row of logits.
    /// - Returns: whether the answer goes on.
    private func write(_ sequence: EngineSequence, _ row: Int, _ events: inout [EngineEvent]) -> Bool {
        let request = sequence.request
        func end(_ reason: FinishReason) -> Bool {
            self.end(sequence, reason, &events)
            return false
        }
        let position = sequence.tokens.count - sequence.promptCount
        if request.topLogProbabilities != nil { keepLogits(row) }
        guard let token = engineModel.withLogits(row, { sequence.choose($0, position: position) }) else {
            return end(sequence.reasonToFail)
        }
        if request.endIDs.contains(token) { return end(sequence.reasonToStop) }
        let likely = request.topLogProbabilities.map { probabilitiesOfRaw(token, $0) }
        sequence.tokens.append(token)
        sequence.sampler.append(token)
        open[request.id]?.totals.answerTokens += 1
        let (text, calls) = sequence.take(token)
        events.append(
            .token(AnswerToken(id: request.id, choice: sequence.choice, token: token, text: text, calls: calls, probabilities: likely)))
        if sequence.text.isStopped || sequence.constrained?.isFinished == true { return end(sequence.reasonToStop) }
        // The last token's keys are of no use to anybody.
        return sequence.tokens.count >= sequence.limit ? end(.length) : true
    }

    private func probabilities(_ row: Int, of token: Int32, _ top: Int) -> TokenProbabilities {
        keepLogits(row)
        return probabilitiesOfRaw(token, top)
    }

    /// Copies a row of logits, before bias and penalties change it.
    private func keepLogits(_ row: Int) {
        engineModel.withLogits(row) { logits in
            if rawLogits.count != logits.count { rawLogits = Array(repeating: 0, count: logits.count) }
            rawLogits.withUnsafeMutableBufferPointer { kept in
                if let target = kept.baseAddress, let source = logits.baseAddress { target.update(from: source, count: logits.count) }
            }
        }
    }

    private func probabilitiesOfRaw(_ token: Int32, _ top: Int) -> TokenProbabilities {
        rawLogits.withUnsafeMutableBufferPointer { logits in
            let normaliser = TokenProbabilities.logSumExp(logits)
            let own = TokenProbabilities.value(logits[Int(token)], normaliser)
            return TokenProbabilities(
                token: .init(token: token, logProbability: own), top: TokenProbabilities.top(top, logits, normaliser))
        }
    }

    private func publish(_ sequence: EngineSequence) {
        let rows = GenerationShape.pageRows
        while (sequence.publishedCount + 1) * rows <= sequence.computed {
            let start = sequence.publishedCount * rows
            sequence.node = pool.publish(
                sequence.pages[sequence.publishedCount], tokens: sequence.tokens[start..<start + rows], before: sequence.node,
                scope: sequence.scope)
            sequence.publishedCount += 1
        }
    }

    private func end(_ sequence: EngineSequence, _ reason: FinishReason, _ events: inout [EngineEvent]) {
        sequence.finish = reason
        let id = sequence.request.id
        let rest = sequence.text.finish()
        events.append(
            .finished(id: id, choice: sequence.choice, reason: sequence.text.isStopped ? sequence.reasonToStop : reason, text: rest))
        release(sequence)
        guard var request = open[id] else { return }
        request.remaining -= 1
        open[id] = request.remaining > 0 ? request : nil
        if request.remaining == 0 {
            events.append(.done(id: id, request.totals))
        }
    }
}
