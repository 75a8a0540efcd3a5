/// Why a model folder cannot be used: which file, which field or tensor, and what is wrong.
package struct ModelError: Error, Sendable, Hashable {
    package var file: String
    /// The key in config.json, or the tensor's name; nil where the whole file is concerned.
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
}

extension ModelError: CustomStringConvertible {
    package var description: String { file + ": " + (field.map { "\($0): " } ?? "") + message }
}
