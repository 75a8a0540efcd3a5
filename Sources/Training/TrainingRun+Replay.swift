import Datasets

extension TrainingRun {
    /// The first examples of the validation data, or of the training data where there is none.
    private func firstExamples(_ limit: Int) -> [Sample] {
        let data = validation ?? training
        return (0..<min(limit, data.count)).map { data.sample($0) }
    }

    /// Loss over them with the parameters that the session has now.
    /// - Returns: nil if it was broken off.
    package func lossOfFirstExamples(_ limit: Int) throws -> Measures? { try loss(of: firstExamples(limit)) }

    /// They as micro-batches of the session's evaluation.
    package func batchesOfFirstExamples(_ limit: Int) -> [PackedBatch] {
        composed(firstExamples(limit)).map { packed($0, isTraining: false) }
    }
}
