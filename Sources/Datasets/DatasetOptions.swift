public import Tokenization

/// How a file becomes examples.
public struct DatasetOptions: Sendable, Hashable {
    /// What the records are read for.
    public enum Purpose: String, Sendable, Hashable {
        /// Conversations, or prompts with completions.
        case supervised
        /// Plain text, packed into rows of `maximumLength` tokens.
        case pretraining
    }
    public enum OnExcess: String, Sendable, Hashable { case error, truncate, drop }
    public var purpose: Purpose
    public var trainOn: TrainedPart
    /// Tokens that an example may have.
    public var maximumLength: Int
    public var onExcess: OnExcess

    public init(purpose: Purpose = .supervised, trainOn: TrainedPart = .assistant, maximumLength: Int, onExcess: OnExcess = .error) {
        self.purpose = purpose
        self.trainOn = trainOn
        self.maximumLength = maximumLength
        self.onExcess = onExcess
    }

    /// What distinguishes one reading of a file from another, for the cache's key.
    var key: String { "\(purpose.rawValue) \(trainOn.rawValue) \(maximumLength) \(onExcess.rawValue)" }
}
