/// Why a model folder cannot be used: which file, which field or tensor, and what is wrong.
public struct ModelError: Error, Sendable, Hashable {
    public var file: String
    /// The key in config.json, or the tensor's name; nil where the whole file is concerned.
    public var field: String?
    public var message: String

    public init(file: String, field: String? = nil, _ message: String) {
        self.file = file
        self.field = field
        self.message = message
    }
}

extension ModelError: CustomStringConvertible {
    public var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
