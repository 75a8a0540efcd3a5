package import Datasets
import Graph
import Models
import Tokenization

extension TrainingRun {
    private var comparing: (any ComparingObjective)? { session.programs.objective as? any ComparingObjective }

    /// Another sample of the data that always goes with an example: the one before it in its batch
    /// of the file's order, and with a batch's first its last.
    private func neighbour(of index: Int, in data: Dataset) -> Sample {
        let start = index / settings.batchSize * settings.batchSize
        let end = min(data.count, start + settings.batchSize)
        // Where a batch has one example, the one before that.
        let place = index > start ? index - 1 : end - 1 > start ? end - 1 : max(0, index - 1)
        return data.sample(place)
    }

    /// A run cut to what the model has positions for here.
    private func cut(_ run: TokenizedExample) -> TokenizedExample {
        run.prefix(session.programs.model.rotaryRows.positionCount)
    }

    /// What the loss of a batch takes of the whole batch; none for most objectives.
    /// - Returns: nil if it was broken off.
    func batchNumbers(of indices: [Int], in data: Dataset) throws -> [Float]? {
        guard let comparing else { return [] }
        let samples = indices.map { data.sample($0) }
        let probes = zip(indices, samples).compactMap { index, sample in
            comparing.probe(of: sample, neighbour: neighbour(of: index, in: data)).map(cut)
        }
        guard let likelihoods = try logLikelihoods(of: probes) else { return nil }
        return comparing.batchNumbers(of: samples, probes: likelihoods)
    }

    /// - Returns: nil if it was broken off.
    private func logLikelihoods(of runs: [TokenizedExample]) throws -> [Double]? {
        var found = [Double](repeating: 0, count: runs.count)
        for places in StepComposer(tokenLimit: settings.microBatchTokens).microBatches(lengths: runs.map(\.ids.count)) {
            if isCancelled() { return nil }
            do {
                for (place, likelihood) in zip(places, try session.logLikelihoods(of: places.map { runs[$0] })) {
                    found[place] = likelihood
                }
            } catch is Cancelled { return nil }
        }
        return found
    }

    /// Examples whose runs are packed together where references are computed.
    private static let referenceBlock = 64

    /// What the model says of every example with the parameters that the session has now: the
    /// numbers that ``Sample/references`` are to have.
    /// - Parameter take: gets the numbers of one example after the other, in their order.
    /// - Returns: false if it was broken off.
    package func references(of data: Dataset, _ take: ([Double]) throws -> Void) throws -> Bool {
        guard let comparing else { return true }
        for start in stride(from: 0, to: data.count, by: Self.referenceBlock) {
            let runs = (start..<min(data.count, start + Self.referenceBlock)).map { index in
                comparing.comparedRuns(of: data.sample(index), neighbour: neighbour(of: index, in: data)).map(cut)
            }
            guard let likelihoods = try logLikelihoods(of: runs.flatMap { $0 }) else { return false }
            var next = 0
            for group in runs {
                try take(Array(likelihoods[next..<next + group.count]))
                next += group.count
            }
        }
        return true
    }

    /// Numbers that each example has as its reference; 0 where the loss has none.
    package var referenceCount: Int { comparing?.referenceCount ?? 0 }
}
