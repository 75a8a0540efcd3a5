/// What keeps a part of a file from becoming a conversation: where it stands, what is wrong, what
/// to do.
package struct ConversionProblem: Error, Sendable, Hashable {
    package var file: String
    /// Counted from 1; nil where the whole file is concerned.
    package var line: Int?
    /// In characters, counted from 1.
    package var column: Int?
    package var message: String

    package init(file: String, line: Int? = nil, column: Int? = nil, _ message: String) {
        (self.file, self.line, self.column, self.message) = (file, line, column, message)
    }
}

extension ConversionProblem: CustomStringConvertible {
    /// As compilers and editors write it: `file:line:column: message`.
    package var description: String {
        file + (line.map { ":\($0)" } ?? "") + (column.map { ":\($0)" } ?? "") + ": " + message
    }
}
