/// Why a template could not be read or rendered: the kind of error as Jinja or Python names it, the
/// message, and the line of the template.
package struct TemplateError: Error, Sendable, Hashable {
    /// `TemplateSyntaxError`, `TemplateAssertionError`, `UndefinedError`, `TypeError`,
    /// `ValueError`, `ZeroDivisionError`, `SecurityError`, and `TemplateError` for what a template
    /// itself raises by `raise_exception`.
    package var type: String
    package var message: String
    /// Counts from 1; nil where it is not known.
    package var line: Int?
    /// Whether the template took more steps than ``TemplateLimits`` allows.
    package var isOutOfSteps = false

    package init(type: String, message: String, line: Int? = nil) {
        self.type = type
        self.message = message
        self.line = line
    }
}

extension TemplateError: CustomStringConvertible {
    package var description: String { (line.map { "line \($0): " } ?? "") + message }
}
