/// Something wrong with a dataset: which file, which line, which field, what was found and what was expected.
public struct DatasetProblem: Error, Sendable, Hashable {
    /// A stable word: `invalid_json`, `invalid_message`, `too_long`, `no_trained_token`, `empty_dataset`, `unreadable`, `template`.
    public var kind: String
    public var file: String
    /// Physical line, counted from 1; nil where the whole file is concerned.
    public var line: Int?
    /// For example `messages[1].content`.
    public var field: String?
    public var message: String

    public init(kind: String, file: String, line: Int? = nil, field: String? = nil, _ message: String) {
        self.kind = kind
        self.file = file
        self.line = line
        self.field = field
        self.message = message
    }
}

extension DatasetProblem: CustomStringConvertible {
    public var description: String {
        "\(file)" + (line.map { ", line \($0)" } ?? "") + ": " + (field.map { "\($0): " } ?? "") + message
    }
}
