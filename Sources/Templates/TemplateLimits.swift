/// What a template may use: it is untrusted code.
package struct TemplateLimits: Sendable, Hashable {
    /// Statements, expressions and loop passes that one rendering may take; work on text and lists
    /// counts by its size.
    package var steps = 3_000_000
    /// Bytes of output, and of any text made on the way.
    package var byteCount = 64 << 20
    /// Macros, loops and includes inside each other.
    package var depth = 100
    /// Levels of expressions inside each other, over all macros that are being called.
    package var evaluationDepth = 600
    /// Levels of lists and dictionaries inside each other.
    package var valueDepth = 200
    /// Elements of one list.
    package var elementCount = 1_000_000
    /// Numbers of one `range`, as Jinja's sandbox has it.
    package var rangeLength = 100_000

    package init() {}
}
