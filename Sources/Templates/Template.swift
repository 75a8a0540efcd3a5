package import JSON

/// A chat template: Jinja as `transformers` sets it up (trim_blocks, lstrip_blocks, loop controls,
/// an immutable sandbox, `raise_exception`, `strftime_now`, `tojson` without HTML escapes, `{%
/// generation %}` blocks).
package struct Template: Sendable {
    private let body: [Statement]
    private let blocks: [String: Statement.Block]
    /// Whether the template mentions `strftime_now`.
    package let asksForTime: Bool

    /// - Throws: ``TemplateError`` of the type `TemplateSyntaxError` or `TemplateAssertionError`,
    ///   with the line.
    package init(_ source: String) throws(TemplateError) {
        guard source.utf8.count <= 4 << 20 else {
            throw TemplateError(type: "TemplateSyntaxError", message: "the template is larger than 4 MiB")
        }
        asksForTime = TextSearch.contains("strftime_now", in: source)
        var lexer = Lexer(source)
        var parser = lexer.parser()
        body = try parser.template()
        blocks = parser.blocks
    }

    /// What a rendering gives.
    package struct Rendering: Sendable, Hashable {
        package var text: String
        /// The UTF-8 bytes of the text that stand inside `{% generation %}` blocks.
        package var generationSpans: [Range<Int>]
        /// What it took, in the unit of ``TemplateLimits/steps``.
        package var steps = 0
    }

    /// Renders the template.
    /// - Parameters:
    ///   - variables: an object; its members are the template's variables.
    ///   - clock: what `strftime_now` tells; nil makes it an error, so that nothing depends on the
    ///     time by accident.
    /// - Throws: ``TemplateError``.
    package func render(_ variables: JSONNode, clock: TemplateClock? = nil, limits: TemplateLimits = TemplateLimits()) throws(TemplateError)
        -> Rendering
    {
        var values: [String: TemplateValue] = [:]
        for member in variables.object ?? [] { values[member.key] = TemplateValue(member.node) }
        let interpreter = Interpreter(variables: values, blocks: blocks, clock: clock, limits: limits)
        defer { interpreter.release() }
        try interpreter.run(body)
        return Rendering(
            text: String(decoding: interpreter.output, as: UTF8.self), generationSpans: interpreter.generationSpans,
            steps: interpreter.steps)
    }
}
