import Datasets
import Models
import Preparation
import Training

/// What a model makes of the examples by which it is judged.
struct EvaluatedModel {
    /// Over all examples.
    var measures = Measures()
    /// The loss of each example, and what it counts.
    var losses: [(total: Double, weight: Double)] = []
    /// Of a classifier what it said of each example.
    var scored: [Measures.Scored] = []
    /// The answers to the questions, where there are graders, and what these gave them.
    var graded: GradedAnswers?

    /// Runs a model.
    /// - Parameters:
    ///   - done: told how many examples and answers are done; what it throws ends the evaluation.
    init(_ job: PreparedEvaluation, done: (Int) throws -> Void) throws {
        losses = Array(repeating: (0, 0), count: job.data.count)
        var scored = [Measures.Scored?](repeating: nil, count: job.data.count)
        do {
            let evaluator = try Evaluator(
                device: job.device, programs: job.programs, batches: [job.largestBatch])
            var first = 0
            var count = 0
            while first < job.data.count {
                // So many that long and short ones fill micro-batches together, and no more.
                let places = Array(first..<min(first + 256, job.data.count))
                let samples = places.map { job.data.sample($0) }
                for members in StepComposer(tokenLimit: job.microBatchTokens).microBatches(
                    lengths: samples.map(\.size.tokenCount))
                {
                    try add(members.map { (places[$0], samples[$0]) }, job, evaluator, &scored)
                    count += members.count
                    try done(count)
                }
                first += places.count
            }
        }
        self.scored = scored.compactMap { $0 }
        guard let examination = job.examination else { return }
        graded = try GradedAnswers(examination, on: job.device) { try done(job.data.count + $0) }
    }

    private mutating func add(
        _ members: [(place: Int, sample: Sample)], _ job: PreparedEvaluation, _ evaluator: Evaluator,
        _ scored: inout [Measures.Scored?]
    ) throws {
        let samples = members.map(\.sample)
        let rows = samples.reduce(0) { $0 + job.objective.lossRowCount(of: $1.size) }
        let size = evaluator.size(tokens: samples.reduce(0) { $0 + $1.size.tokenCount }, trained: rows)
        let batch = PackedBatch(
            samples, for: job.objective, tokenCapacity: size.tokenCount,
            trainedCapacity: size.trainedCount,
            window: job.model.configuration.slidingWindow, rotary: job.model.rotaryRows)
        let (found, rowLosses) = try evaluator.evaluateRows(batch)
        measures += found
        var row = 0
        for (index, member) in members.enumerated() {
            let count = job.objective.lossRowCount(of: member.sample.size)
            let rows = rowLosses[row..<min(row + count, rowLosses.count)]
            let total =
                member.sample.trainedWeights.map { zip(rows, $0).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
                ?? rows.reduce(0) { $0 + Double($1) }
            losses[member.place] = (total, job.objective.weight(of: member.sample))
            if index < found.scored.count { scored[member.place] = found.scored[index] }
            row += count
        }
    }
}
