public import Tokenization

/// How a file becomes examples.
public struct DatasetOptions: Sendable, Hashable {
    public enum Format: String, Sendable, Hashable {
        /// `{"messages": [...]}` a line.
        case chat
        /// `{"prompt": ..., "completion": ...}` a line.
        case completion
        /// Plain text: `{"text": ...}` a line, or a `.txt` file whose documents are divided by blank lines.
        case text
    }
    public enum OnExcess: String, Sendable, Hashable { case error, truncate, drop }
    public var format: Format
    public var trainOn: TrainedPart
    public var maximumLength: Int
    public var onExcess: OnExcess

    public init(format: Format, trainOn: TrainedPart = .assistant, maximumLength: Int, onExcess: OnExcess = .error) {
        self.format = format
        self.trainOn = trainOn
        self.maximumLength = maximumLength
        self.onExcess = onExcess
    }
}
