/// Why a template could not be read or rendered: the kind of error as Jinja or Python names it, the message, and the line of the template.
public struct TemplateError: Error, Sendable, Hashable {
    /// `TemplateSyntaxError`, `TemplateAssertionError`, `UndefinedError`, `TypeError`, `ValueError`, `ZeroDivisionError`, `SecurityError`, and
    /// `TemplateError` for what a template itself raises by `raise_exception`.
    public var type: String
    public var message: String
    /// Counts from 1; nil where it is not known.
    public var line: Int?

    public init(type: String, message: String, line: Int? = nil) {
        self.type = type
        self.message = message
        self.line = line
    }
}

extension TemplateError: CustomStringConvertible {
    public var description: String { (line.map { "line \($0): " } ?? "") + message }
}
