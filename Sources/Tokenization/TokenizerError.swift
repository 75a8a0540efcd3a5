/// Why a tokenizer cannot be read: the file, the component, what is wrong.
public struct TokenizerError: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// The component's path in the file, for example `pre_tokenizer.pretokenizers[1].pattern`.
    public var field: String?
    public var message: String

    public init(file: String, field: String? = nil, _ message: String) {
        self.file = file
        self.field = field
        self.message = message
    }

    public var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
