/// A regular expression that finds its matches in time in proportion to the text.
///
/// Matching backtracks, which is fast for the expressions that tokenizers use. When a text makes it
/// slow, the states that have failed are remembered, so that none is tried twice (Davis et al.
/// 2018, "The impact of regular expression denial of service"); what is matched apart (look-around,
/// atomic groups) is bounded by a budget of steps. Expressions come from files that are not
/// trusted.
struct Pattern: Sendable {
    let program: PatternProgram

    /// - Throws: ``PatternError`` for what is not understood.
    init(_ expression: String) throws(PatternError) {
        var parser = PatternParser(expression)
        program = try PatternProgram(try parser.parse())
    }

    init(_ syntax: PatternSyntax) throws(PatternError) { program = try PatternProgram(syntax) }
}
