/// Why a tokenizer cannot be read: the file, the component, what is wrong.
package struct TokenizerError: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// The component's path in the file, for example `pre_tokenizer.pretokenizers[1].pattern`.
    package var field: String?
    package var message: String
    /// The system's error number where the file could not be read; nil where what it holds is
    /// wrong.
    package var errorNumber: Int32?

    package init(file: String, field: String? = nil, errorNumber: Int32? = nil, _ message: String) {
        self.file = file
        self.field = field
        self.errorNumber = errorNumber
        self.message = message
    }

    package var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
