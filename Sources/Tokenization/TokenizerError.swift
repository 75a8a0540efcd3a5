/// Why a tokenizer cannot be read: the file, the component, what is wrong.
public struct TokenizerError: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// The component's path in the file, for example `pre_tokenizer.pretokenizers[1].pattern`.
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

    public var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
