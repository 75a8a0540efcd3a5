package import Datasets

extension TrainingRun {
    /// The first examples of the validation data, or of the training data where there is none.
    private func firstExamples(_ limit: Int) -> (indices: [Int], data: Dataset) {
        let data = validation ?? training
        return (Array(0..<min(limit, data.count)), data)
    }

    /// Loss over them with the parameters that the session has now.
    /// - Returns: nil if it was broken off.
    package func lossOfFirstExamples(_ limit: Int) throws -> Measures? {
        let (indices, data) = firstExamples(limit)
        return try loss(of: indices, in: data)
    }

    /// Each of them with its line and its own loss.
    /// - Returns: nil if it was broken off.
    package func firstExamplesWithLosses(_ limit: Int) throws -> [(sample: Sample, line: Int, measures: Measures)]? {
        let (indices, data) = firstExamples(limit)
        var all: [(sample: Sample, line: Int, measures: Measures)] = []
        for index in indices {
            guard let measures = try loss(of: [index], in: data) else { return nil }
            all.append((data.sample(index), data.line(of: index), measures))
        }
        return all
    }

    /// They as micro-batches of the session's evaluation; none if that was broken off.
    package func batchesOfFirstExamples(_ limit: Int) throws -> [PackedBatch] {
        let (indices, data) = firstExamples(limit)
        guard let batchNumbers = try batchNumbers(of: indices, in: data) else { return [] }
        return composed(indices.map { data.sample($0) }).map { packed($0, batchNumbers, isTraining: false) }
    }
}
