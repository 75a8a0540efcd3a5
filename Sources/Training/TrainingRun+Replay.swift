import Datasets
import Tokenization

extension TrainingRun {
    /// Loss over the first examples of the validation data, or of the training data where there is none, with the parameters that the session
    /// has now.
    /// - Returns: nil if it was broken off.
    package func lossOfFirstExamples(_ limit: Int) throws -> Measures? {
        let data = validation ?? training
        return try loss(of: (0..<min(limit, data.count)).map { data.sample($0) })
    }
}
