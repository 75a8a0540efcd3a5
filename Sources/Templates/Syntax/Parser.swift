/// Builds a template's statements from its tokens.
struct Parser {
    let tokens: [Lexer.Located]
    var index = 0
    var depth = 0
    /// The tags that would close the blocks we are in, innermost last, for messages.
    var open: [(name: String, endings: [String])] = []
    /// Loops that we are in, within the innermost macro.
    var loopDepth = 0
    /// Names that the innermost macro mentions.
    var mentioned: Set<String> = []
    /// We are in an `if` and in nothing that is a function of its own: a filter or test that does
    /// not exist is only missed when it is reached.
    var isConditional = false
    /// What Jinja finds wrong after it has read the whole template, in the order of the text.
    var laterErrors: [TemplateError] = []
    var blocks: [String: Statement.Block] = [:]
    /// Assignments to `loop`, which no loop may hold.
    var loopAssignments: [Int] = []
    /// Where the text could no longer be cut into tokens; it matters only if nothing before it is
    /// wrong.
    let lexicalError: TemplateError?

    static let depthLimit = 200
    /// Operators, filters and calls one behind the other in one expression: each is a level of the
    /// tree.
    static let linkLimit = 1000
    var links = 0

    init(_ tokens: [Lexer.Located], _ lexicalError: TemplateError? = nil) {
        self.tokens = tokens
        self.lexicalError = lexicalError
    }

    var current: Lexer.Token { index < tokens.count ? tokens[index].token : .end }
    var line: Int { index < tokens.count ? tokens[index].line : tokens.last?.line ?? 1 }

    func failure(_ message: String, type: String = "TemplateSyntaxError") -> TemplateError {
        TemplateError(type: type, message: message, line: line)
    }

    mutating func advance() { index += 1 }

    /// Counts one more operator of an expression.
    mutating func link() throws(TemplateError) {
        links += 1
        guard links <= Self.linkLimit else { throw failure("the expression is too long") }
    }

    mutating func takeSymbol(_ symbol: String) -> Bool {
        guard current == .symbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func takeName(_ name: String) -> Bool {
        guard current == .name(name) else { return false }
        advance()
        return true
    }

    mutating func expectSymbol(_ symbol: String) throws(TemplateError) {
        guard takeSymbol(symbol) else { throw expected("'\(symbol)'") }
    }

    func expected(_ what: String) -> TemplateError {
        if current == .end {
            return failure("unexpected end of template, expected \(what).")
        }
        return failure("expected token \(what), got '\(current.described)'")
    }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current else { throw expected("'name'") }
        advance()
        return name
    }

    mutating func expectBlockEnd() throws(TemplateError) {
        guard current == .blockEnd else { throw expected("'end of statement block'") }
        advance()
    }

    mutating func template() throws(TemplateError) -> [Statement] {
        let body: [Statement]
        do throws(TemplateError) {
            body = try statements(until: [])
            if current != .end { throw failure("unexpected '\(current.described)'") }
        } catch {
            // The parser stands where the text cannot be read: that is what is wrong.
            if let lexicalError, current == .end { throw lexicalError }
            throw error
        }
        if let lexicalError { throw lexicalError }
        if let first = laterErrors.first { throw first }
        return body
    }

    /// Reads a part of which the filters and tests are looked for at once (`false`) or when they
    /// are reached.
    mutating func conditional<Result>(_ flag: Bool, _ body: (inout Parser) throws(TemplateError) -> Result) throws(TemplateError) -> Result
    {
        let saved = isConditional
        isConditional = flag
        defer { isConditional = saved }
        return try body(&self)
    }

    /// Says that a filter or a test does not exist, where that does not wait until it is reached.
    mutating func miss(_ what: String, _ line: Int) {
        if isConditional { return }
        laterErrors.append(TemplateError(type: "TemplateAssertionError", message: what, line: line))
    }

    /// Statements up to a block that begins with one of `endings`, which is left to be read.
    mutating func statements(until endings: [String]) throws(TemplateError) -> [Statement] {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the template is nested too deeply") }
        var body: [Statement] = []
        while true {
            switch current {
            case .end:
                if endings.isEmpty { return body }
                throw unexpectedEnd()
            case .text(let bytes):
                body.append(.text(bytes))
                advance()
            case .variableBegin:
                advance()
                let start = line
                links = 0
                let value = try tupleExpression()
                guard current == .variableEnd else { throw expected("'end of print statement'") }
                advance()
                body.append(.output(value, line: start))
            case .blockBegin:
                guard index + 1 < tokens.count, case .name(let name) = tokens[index + 1].token else {
                    advance()
                    throw failure("tag name expected")
                }
                if endings.contains(name) { return body }
                advance()
                links = 0
                body.append(try statement(name))
            default: throw failure("unexpected '\(current.described)'")
            }
        }
    }

    func unexpectedEnd() -> TemplateError {
        guard let innermost = open.last else { return failure("Unexpected end of template.") }
        let tags = innermost.endings.map { "'\($0)'" }.joined(separator: " or ")
        return failure(
            "Unexpected end of template. Jinja was looking for the following tags: \(tags). The innermost block that needs to be closed is '\(innermost.name)'."
        )
    }

    mutating func block(_ name: String, until endings: [String]) throws(TemplateError) -> [Statement] {
        try expectBlockEnd()
        open.append((name, endings))
        defer { open.removeLast() }
        return try statements(until: endings)
    }

    /// Passes `{% NAME %}`, at whose beginning we stand.
    mutating func closing(_ name: String) throws(TemplateError) {
        advance()
        _ = try expectName()
        try expectBlockEnd()
    }
}
