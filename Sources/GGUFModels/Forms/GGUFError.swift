/// Why a model cannot be written as GGUF: what such a file cannot say.
package struct GGUFError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
