/// Why a schema cannot be enforced.
package struct ConstraintError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where in the schema: `.properties.name.pattern`; empty for the whole of it.
    package var path: String
    /// The end of a sentence about what stands there.
    package var reason: String

    package init(_ path: String, _ reason: String) { (self.path, self.reason) = (Self.cut(path), Self.cut(reason)) }

    /// Names and values are a stranger's: what is shown of them has an end.
    private static func cut(_ text: String) -> String {
        text.unicodeScalars.count > 240 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(240))) + "..." : text
    }

    package var description: String { "the schema\(path.isEmpty ? "" : " at \(path)") \(reason)" }
}
