/// Why a model folder cannot be used: which file, which field or tensor, and what is wrong.
public struct ModelError: Error, Sendable, Hashable {
    public var file: String
    /// The key in config.json, or the tensor's name; nil where the whole file is concerned.
    public var field: String?
    public var message: String
    /// The system's error number where the file could not be read; nil where what it holds is wrong.
    public var errorNumber: Int32?

    public init(file: String, field: String? = nil, errorNumber: Int32? = nil, _ message: String) {
        self.file = file
        self.field = field
        self.errorNumber = errorNumber
        self.message = message
    }
}

extension ModelError: CustomStringConvertible {
    public var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
