import Datasets
import Graph
import Ranks

extension TrainingRun {
    var lanes: Lanes { settings.lanes }
    /// The lanes that this process carries.
    var ownLanes: Range<Int> { lanes.own(group.rank, of: group.count) }

    /// Runs forward and backward pass of this process's lanes of a step.
    /// - Parameter weight: of the whole step.
    /// - Returns: nil if it was cancelled.
    func addGradients(of samples: [Sample], _ batchNumbers: [Float], weight: Double) throws -> [LaneFigures]? {
        let division = lanes.divide(samples.map(\.size.tokenCount))
        var found: [LaneFigures] = []
        for lane in ownLanes {
            var figures = LaneFigures()
            let isLast = lane + 1 == ownLanes.upperBound
            if isLast, lanes.count > 1 { gradients.beginLastLane() }
            let batches = composed(division[lane].map { samples[$0] })
            for (index, members) in batches.enumerated() {
                if isCancelled() { return nil }
                let batch = packed(members, batchNumbers, isTraining: true)
                figures.rows += batch.tokenCapacity
                let stream = isLast && index + 1 == batches.count && group.movesBeside ? gradients.stream : nil
                do {
                    figures.measures += try session.addGradients(
                        of: batch, batchWeight: weight, seed: settings.seed, step: stepsDone + 1, microBatch: lane << 16 | index,
                        through: stream)
                } catch is Cancelled { return nil }
            }
            found.append(figures)
            if lanes.count > 1 { try gradients.take(isLast: isLast) }
        }
        return found
    }

    /// What the objective measures of these examples: micro-batch i belongs to lane i modulo their
    /// number.
    /// - Returns: nil if it was cancelled.
    func laneLoss(of indices: [Int], in data: Dataset) throws -> Measures? {
        try together {
            guard let batchNumbers = try batchNumbers(of: indices, in: data) else { return nil }
            let batches = composed(indices.map { data.sample($0) })
            var found: [LaneFigures] = []
            for lane in ownLanes {
                var figures = LaneFigures()
                for place in stride(from: lane, to: batches.count, by: lanes.count) {
                    if isCancelled() { return nil }
                    do {
                        figures.measures += try session.evaluate(packed(batches[place], batchNumbers, isTraining: false))
                    } catch is Cancelled { return nil }
                }
                found.append(figures)
            }
            return found
        }?.measures
    }

    /// Does this process's part of something that all processes do.
    /// - Parameter work: gives the figures of this process's lanes; nil if it was cancelled.
    /// - Returns: the figures of all lanes, added in their order; nil if any process cancelled.
    func together(_ work: () throws -> [LaneFigures]?) throws -> LaneFigures? {
        isAtRest = false
        defer { isAtRest = true }
        if lanes.count > 1 { try gradients.share() }
        let mine = try work()
        if mine == nil { try group.tellToCancel() }
        var sum = LaneFigures()
        var isBroken = false
        let stream = lanes.count > 1 ? gradients.stream : nil
        var writer = ByteWriter()
        writer.add(stream?.startedCount ?? 0)
        writer.add(LaneFigures.bytes(mine))
        var mostStarted = 0
        for bytes in try group.gather(writer.bytes) {
            var reader = ByteReader(bytes)
            guard let started = reader.integer(), let list = reader.list() else { throw TrainingError.brokenExchange }
            mostStarted = max(mostStarted, started)
            guard let figures = try LaneFigures.lanes(list) else {
                isBroken = true
                continue
            }
            for lane in figures { sum += lane }
        }
        guard isBroken else { return sum }
        try stream?.abandon(startedBy: mostStarted)
        return nil
    }

    /// Steps the parameters by the collected gradients, each process its own pages where they are
    /// divided.
    /// - Returns: the norm of all gradients.
    func update(learningRate: Double, step: Int) throws -> Double {
        guard let shares = session.programs.shares else { return try session.update(learningRate: learningRate, step: step) }
        var writer = ByteWriter()
        for square in try session.squares() { writer.add(Int(square.bitPattern)) }
        var squares = [Float](repeating: 0, count: shares.owners.count)
        for (bytes, pages) in zip(try group.gather(writer.bytes), shares.pages) {
            var reader = ByteReader(bytes)
            for page in pages {
                guard let bits = reader.integer() else { throw TrainingError.brokenExchange }
                squares[page] = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
            }
        }
        try session.take(squares: squares)
        let norm = try session.update(learningRate: learningRate, step: step)
        try gradients.spreadParameters()
        return norm
    }

    /// Makes sure that every process has computed the same gradient norm.
    /// - Throws: ``TrainingError/ranksDiffer(step:what:ranks:)``.
    func confirm(norm: Double, step: Int) throws {
        try confirm(norm.bitPattern, "the gradient norm", step: step)
    }

    func confirm(_ number: UInt64, _ what: String, step: Int) throws {
        guard !group.isAlone else { return }
        var writer = ByteWriter()
        writer.add(Int(truncatingIfNeeded: number))
        let all = try group.gather(writer.bytes)
        let others = all.indices.filter { all[$0] != all[0] }
        guard others.isEmpty else { throw TrainingError.ranksDiffer(step: step, what: what, ranks: others) }
    }
}
