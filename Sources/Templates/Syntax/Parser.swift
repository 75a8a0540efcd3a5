/// Builds a template's statements from its tokens.
struct Parser {
    private let tokens: [Lexer.Located]
    private var index = 0
    private var depth = 0
    /// The tags that would close the blocks we are in, innermost last, for messages.
    private var open: [(name: String, endings: [String])] = []
    /// Loops that we are in, within the innermost macro.
    private var loopDepth = 0
    /// Names that the innermost macro mentions.
    private var mentioned: Set<String> = []

    static let depthLimit = 200
    /// Operators, filters and calls one behind the other in one expression: each is a level of the tree.
    private static let linkLimit = 1000
    private var links = 0

    init(_ tokens: [Lexer.Located]) { self.tokens = tokens }

    private var current: Lexer.Token { index < tokens.count ? tokens[index].token : .end }
    private var line: Int { index < tokens.count ? tokens[index].line : tokens.last?.line ?? 1 }

    private func failure(_ message: String, type: String = "TemplateSyntaxError") -> TemplateError {
        TemplateError(type: type, message: message, line: line)
    }

    private mutating func advance() { index += 1 }

    /// Counts one more operator of an expression.
    private mutating func link() throws(TemplateError) {
        links += 1
        guard links <= Self.linkLimit else { throw failure("the expression is too long") }
    }

    private mutating func takeSymbol(_ symbol: String) -> Bool {
        guard current == .symbol(symbol) else { return false }
        advance()
        return true
    }

    private mutating func takeName(_ name: String) -> Bool {
        guard current == .name(name) else { return false }
        advance()
        return true
    }

    private mutating func expectSymbol(_ symbol: String) throws(TemplateError) {
        guard takeSymbol(symbol) else { throw expected("'\(symbol)'") }
    }

    private func expected(_ what: String) -> TemplateError {
        if current == .end {
            return failure("unexpected end of template, expected \(what).")
        }
        return failure("expected token \(what), got '\(current.described)'")
    }

    private mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current else { throw expected("'name'") }
        advance()
        return name
    }

    private mutating func expectBlockEnd() throws(TemplateError) {
        guard current == .blockEnd else { throw expected("'end of statement block'") }
        advance()
    }

    mutating func template() throws(TemplateError) -> [Statement] {
        let body = try statements(until: [])
        if current != .end { throw failure("unexpected '\(current.described)'") }
        return body
    }

    /// Statements up to a block that begins with one of `endings`, which is left to be read.
    private mutating func statements(until endings: [String]) throws(TemplateError) -> [Statement] {
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

    private func unexpectedEnd() -> TemplateError {
        guard let innermost = open.last else { return failure("Unexpected end of template.") }
        let tags = innermost.endings.map { "'\($0)'" }.joined(separator: " or ")
        return failure(
            "Unexpected end of template. Jinja was looking for the following tags: \(tags). The innermost block that needs to be closed is '\(innermost.name)'."
        )
    }

    private mutating func block(_ name: String, until endings: [String]) throws(TemplateError) -> [Statement] {
        try expectBlockEnd()
        open.append((name, endings))
        defer { open.removeLast() }
        return try statements(until: endings)
    }

    /// Passes `{% NAME %}`, at whose beginning we stand.
    private mutating func closing(_ name: String) throws(TemplateError) {
        advance()
        _ = try expectName()
        try expectBlockEnd()
    }

    private mutating func statement(_ name: String) throws(TemplateError) -> Statement {
        let start = line
        advance()
        switch name {
        case "if": return try ifStatement()
        case "for": return try forStatement(start)
        case "set": return try setStatement(start)
        case "macro":
            let macro = try expectName()
            let parameters = try self.parameters()
            let (body, usage) = try function("macro", until: "endmacro")
            return .macro(.init(name: macro, parameters: parameters, body: body, usage: usage))
        case "call":
            let parameters = current == .symbol("(") ? try self.parameters() : []
            let call = try expression()
            guard case .call = call else { throw failure("expected call") }
            let (body, usage) = try function("call", until: "endcall")
            return .callBlock(parameters: parameters, call: call, body: body, usage: usage, line: start)
        case "filter":
            let filters = try filterChain()
            let body = try block("filter", until: ["endfilter"])
            try closing("endfilter")
            return .filterBlock(filters, body: body)
        case "with":
            var values: [(String, Expression)] = []
            while current != .blockEnd {
                if !values.isEmpty { try expectSymbol(",") }
                let name = try expectName()
                try expectSymbol("=")
                values.append((name, try expression()))
            }
            let body = try block("with", until: ["endwith"])
            try closing("endwith")
            return .with(values.map { (name: $0.0, value: $0.1) }, body: body)
        case "generation":
            return .generation(try function("generation", until: "endgeneration").body)
        case "autoescape":
            let flag = try expression()
            let body = try block("autoescape", until: ["endautoescape"])
            try closing("endautoescape")
            return .autoescape(flag, body: body)
        case "block":
            let name = try expectName()
            while takeName("scoped") || takeName("required") {}
            let body = try function("block", until: "endblock", named: name).body
            return .with([], body: body)
        case "break", "continue":
            try expectBlockEnd()
            guard loopDepth > 0 else {
                let message = name == "break" ? "'break' outside loop" : "'continue' not properly in loop"
                throw TemplateError(type: "SyntaxError", message: message, line: start)
            }
            return name == "break" ? .breakLoop : .continueLoop
        default:
            index -= 1
            if let innermost = open.last {
                let tags = innermost.endings.map { "'\($0)'" }.joined(separator: " or ")
                throw failure(
                    "Encountered unknown tag '\(name)'. Jinja was looking for the following tags: \(tags). The innermost block that needs to be closed is '\(innermost.name)'."
                )
            }
            throw failure("Encountered unknown tag '\(name)'.")
        }
    }

    /// A body that is a function of its own: loops around it cannot be left from inside.
    private mutating func function(_ name: String, until ending: String, named: String? = nil) throws(TemplateError)
        -> (body: [Statement], usage: Statement.MacroUsage)
    {
        let (savedDepth, savedNames) = (loopDepth, mentioned)
        (loopDepth, mentioned) = (0, [])
        let body = try block(name, until: [ending])
        let usage = Statement.MacroUsage(
            caller: mentioned.contains("caller"), otherArguments: mentioned.contains("varargs"),
            namedArguments: mentioned.contains("kwargs"))
        (loopDepth, mentioned) = (savedDepth, savedNames.union(mentioned))
        if let named, index + 2 < tokens.count, tokens[index + 2].token == .name(named) {
            advance()
            _ = try expectName()
            _ = try expectName()
            try expectBlockEnd()
        } else {
            try closing(ending)
        }
        return (body, usage)
    }

    private mutating func ifStatement() throws(TemplateError) -> Statement {
        var branches: [(condition: Expression, body: [Statement])] = []
        let condition = try tupleExpression()
        branches.append((condition, try block("if", until: ["elif", "else", "endif"])))
        while true {
            advance()
            let name = try expectName()
            if name == "elif" {
                let condition = try tupleExpression()
                branches.append((condition, try block("if", until: ["elif", "else", "endif"])))
            } else if name == "else" {
                let otherwise = try block("if", until: ["endif"])
                try closing("endif")
                return .ifElse(branches, otherwise: otherwise)
            } else {
                try expectBlockEnd()
                return .ifElse(branches, otherwise: [])
            }
        }
    }

    /// What is assigned to: names, with commas and parentheses as in Python.
    private mutating func target(allowsAttribute: Bool) throws(TemplateError) -> Statement.Target {
        var targets = [try singleTarget(allowsAttribute)]
        guard current == .symbol(",") else { return targets[0] }
        while takeSymbol(",") {
            switch current {
            case .name("in"): break
            case .name, .symbol("("):
                targets.append(try singleTarget(allowsAttribute))
                continue
            default: break
            }
            break
        }
        return .tuple(targets)
    }

    private mutating func singleTarget(_ allowsAttribute: Bool) throws(TemplateError) -> Statement.Target {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the target is nested too deeply") }
        if takeSymbol("(") {
            let inner = try target(allowsAttribute: allowsAttribute)
            try expectSymbol(")")
            return inner
        }
        let name = try expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) { throw failure("can't assign to '\(name)'") }
        if allowsAttribute, takeSymbol(".") { return .attribute(of: name, try expectName()) }
        return .name(name)
    }

    private mutating func forStatement(_ start: Int) throws(TemplateError) -> Statement {
        let target = try self.target(allowsAttribute: false)
        guard takeName("in") else { throw expected("'in'") }
        let iterated = try tupleExpression(allowsConditional: false)
        let condition = takeName("if") ? try expression() : nil
        let isRecursive = takeName("recursive")
        loopDepth += 1
        let body = try block("for", until: ["endfor", "else"])
        loopDepth -= 1
        advance()
        var otherwise: [Statement] = []
        if try expectName() == "else" {
            otherwise = try block("for", until: ["endfor"])
            try closing("endfor")
        } else {
            try expectBlockEnd()
        }
        return .forLoop(
            .init(
                target: target, iterated: iterated, condition: condition, body: body, otherwise: otherwise, isRecursive: isRecursive,
                line: start))
    }

    private mutating func setStatement(_ start: Int) throws(TemplateError) -> Statement {
        let target = try self.target(allowsAttribute: true)
        if takeSymbol("=") {
            let value = try tupleExpression()
            try expectBlockEnd()
            return .assign(target, value: value, line: start)
        }
        let filters = takeSymbol("|") ? try filterChain() : []
        if case .tuple = target { throw expected("'='") }
        let body = try block("set", until: ["endset"])
        try closing("endset")
        return .assignBlock(target, filters: filters, body: body, line: start)
    }

    private mutating func parameters() throws(TemplateError) -> [Statement.Parameter] {
        try expectSymbol("(")
        var parameters: [Statement.Parameter] = []
        while current != .symbol(")") {
            if !parameters.isEmpty { try expectSymbol(",") }
            if current == .symbol(")") { break }
            var parameter = Statement.Parameter(name: try expectName())
            if takeSymbol("=") {
                parameter.defaultValue = try expression()
            } else if parameters.last?.defaultValue != nil {
                throw failure("non-default argument follows default argument")
            }
            if parameters.contains(where: { $0.name == parameter.name }) {
                throw failure("duplicate argument '\(parameter.name)' in function definition", type: "SyntaxError")
            }
            parameters.append(parameter)
        }
        try expectSymbol(")")
        return parameters
    }

    /// Filters after a `|` that has been passed.
    private mutating func filterChain() throws(TemplateError) -> [Statement.FilterCall] {
        var filters = [try filterCall()]
        while takeSymbol("|") {
            try link()
            filters.append(try filterCall())
        }
        return filters
    }

    private mutating func filterCall() throws(TemplateError) -> Statement.FilterCall {
        let start = line
        var name = try expectName()
        while takeSymbol(".") { name += "." + (try expectName()) }
        guard Filters.isKnown(name) else {
            throw TemplateError(type: "TemplateAssertionError", message: "No filter named '\(name)'.", line: start)
        }
        let arguments = current == .symbol("(") ? try self.arguments() : []
        return .init(name: name, arguments: arguments, line: start)
    }

    private mutating func arguments() throws(TemplateError) -> [Argument] {
        try expectSymbol("(")
        var arguments: [Argument] = []
        while current != .symbol(")") {
            if !arguments.isEmpty { try expectSymbol(",") }
            if current == .symbol(")") { break }
            if takeSymbol("*") {
                arguments.append(Argument(kind: .spread, value: try expression()))
            } else if takeSymbol("**") {
                arguments.append(Argument(kind: .spreadNamed, value: try expression()))
            } else if case .name(let name) = current, index + 1 < tokens.count, tokens[index + 1].token == .symbol("=") {
                advance()
                advance()
                arguments.append(Argument(kind: .named(name), value: try expression()))
            } else {
                if let last = arguments.last, case .named = last.kind { throw failure("invalid syntax for function call expression") }
                arguments.append(Argument(kind: .positional, value: try expression()))
            }
        }
        try expectSymbol(")")
        return arguments
    }

    // MARK: Expressions, from the loosest binding to the tightest

    /// One expression, or several with commas, which make a tuple.
    private mutating func tupleExpression(allowsConditional: Bool = true, isParenthesised: Bool = false) throws(TemplateError) -> Expression
    {
        var elements: [Expression] = []
        var isTuple = false
        while true {
            if !elements.isEmpty { guard takeSymbol(",") else { break } }
            if !elements.isEmpty { isTuple = true }
            if isTupleEnd(isParenthesised) { break }
            elements.append(allowsConditional ? try expression() : try orExpression())
            if current == .symbol(",") { isTuple = true }
        }
        if !isTuple {
            if let only = elements.first { return only }
            if !isParenthesised { throw failure("Expected an expression, got '\(current.described)'") }
        }
        return .tuple(elements)
    }

    private func isTupleEnd(_ isParenthesised: Bool) -> Bool {
        switch current {
        case .variableEnd, .blockEnd: true
        case .symbol(")"): true
        case .name("in"), .name("recursive"): !isParenthesised
        default: false
        }
    }

    private mutating func expression() throws(TemplateError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the expression is nested too deeply") }
        var value = try orExpression()
        while takeName("if") {
            try link()
            let condition = try orExpression()
            let otherwise = takeName("else") ? try expression() : nil
            value = .conditional(value, condition: condition, otherwise: otherwise)
        }
        return value
    }

    private mutating func orExpression() throws(TemplateError) -> Expression {
        var left = try andExpression()
        while takeName("or") {
            try link()
            left = .or(left, try andExpression())
        }
        return left
    }

    private mutating func andExpression() throws(TemplateError) -> Expression {
        var left = try notExpression()
        while takeName("and") {
            try link()
            left = .and(left, try notExpression())
        }
        return left
    }

    private mutating func notExpression() throws(TemplateError) -> Expression {
        guard takeName("not") else { return try comparison() }
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the expression is nested too deeply") }
        return .not(try notExpression())
    }

    private mutating func comparison() throws(TemplateError) -> Expression {
        let start = line
        let left = try sum()
        var steps: [(operation: String, Expression)] = []
        while true {
            if case .symbol(let symbol) = current, ["==", "!=", "<", ">", "<=", ">="].contains(symbol) {
                advance()
                steps.append((symbol, try sum()))
            } else if takeName("in") {
                steps.append(("in", try sum()))
            } else if current == .name("not"), index + 1 < tokens.count, tokens[index + 1].token == .name("in") {
                advance()
                advance()
                steps.append(("not in", try sum()))
            } else {
                return steps.isEmpty ? left : .compare(left, steps, line: start)
            }
        }
    }

    private mutating func sum() throws(TemplateError) -> Expression {
        var left = try concatenation()
        while case .symbol(let symbol) = current, symbol == "+" || symbol == "-" {
            try link()
            let start = line
            advance()
            left = .binary(symbol, left, try concatenation(), line: start)
        }
        return left
    }

    private mutating func concatenation() throws(TemplateError) -> Expression {
        var parts = [try product()]
        while takeSymbol("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : .concatenate(parts)
    }

    private mutating func product() throws(TemplateError) -> Expression {
        var left = try power()
        while case .symbol(let symbol) = current, ["*", "/", "//", "%"].contains(symbol) {
            try link()
            let start = line
            advance()
            left = .binary(symbol, left, try power(), line: start)
        }
        return left
    }

    private mutating func power() throws(TemplateError) -> Expression {
        var left = try unary(hasFilters: true)
        while current == .symbol("**") {
            try link()
            let start = line
            advance()
            left = .binary("**", left, try unary(hasFilters: true), line: start)
        }
        return left
    }

    private mutating func unary(hasFilters: Bool) throws(TemplateError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the expression is nested too deeply") }
        let start = line
        var value: Expression
        if takeSymbol("-") {
            value = .negate(try unary(hasFilters: false), line: start)
        } else if takeSymbol("+") {
            value = .plus(try unary(hasFilters: false), line: start)
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return hasFilters ? try filtersAndTests(value) : value
    }

    private mutating func primary() throws(TemplateError) -> Expression {
        let start = line
        switch current {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return .literal(.bool(true))
            case "false", "False": return .literal(.bool(false))
            case "none", "None": return .literal(.none)
            default:
                mentioned.insert(name)
                return .name(name, line: start)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current {
                text += more
                advance()
            }
            return .literal(.string(text))
        case .integer(let value):
            advance()
            return .literal(.int(value))
        case .bigInteger(let value):
            advance()
            return .literal(.big(value))
        case .float(let value):
            advance()
            return .literal(.double(value))
        case .symbol("("):
            advance()
            let value = try tupleExpression(isParenthesised: true)
            try expectSymbol(")")
            return value
        case .symbol("["):
            advance()
            var elements: [Expression] = []
            while current != .symbol("]") {
                if !elements.isEmpty { try expectSymbol(",") }
                if current == .symbol("]") { break }
                elements.append(try expression())
            }
            try expectSymbol("]")
            return .list(elements)
        case .symbol("{"):
            advance()
            var entries: [(Expression, Expression)] = []
            while current != .symbol("}") {
                if !entries.isEmpty { try expectSymbol(",") }
                if current == .symbol("}") { break }
                let key = try expression()
                try expectSymbol(":")
                entries.append((key, try expression()))
            }
            try expectSymbol("}")
            return .dictionary(entries)
        default:
            throw failure(current == .end ? "unexpected end of template" : "unexpected '\(current.described)'")
        }
    }

    private mutating func postfix(_ value: Expression) throws(TemplateError) -> Expression {
        var value = value
        while true {
            let start = line
            switch current {
            case .symbol("."), .symbol("["), .symbol("("): try link()
            default: return value
            }
            if takeSymbol(".") {
                if case .integer(let number) = current {
                    advance()
                    value = .item(value, .literal(.int(number)), line: start)
                } else {
                    value = .attribute(value, try expectName(), line: start)
                }
            } else if takeSymbol("[") {
                value = try subscripted(value, start)
                try expectSymbol("]")
            } else if current == .symbol("(") {
                value = .call(value, try arguments(), line: start)
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ value: Expression, _ start: Int) throws(TemplateError) -> Expression {
        var parts: [Expression?] = []
        var isSlice = false
        var pending: Expression?
        while current != .symbol("]") {
            if takeSymbol(":") {
                isSlice = true
                parts.append(pending)
                pending = nil
            } else if current == .symbol(","), !isSlice, let first = pending {
                var elements = [first]
                while takeSymbol(",") { if current != .symbol("]") { elements.append(try expression()) } }
                return .item(value, .tuple(elements), line: start)
            } else {
                if pending != nil { throw expected("']'") }
                pending = try expression()
            }
        }
        guard isSlice else {
            guard let pending else { throw failure("expected subscript expression") }
            return .item(value, pending, line: start)
        }
        parts.append(pending)
        guard parts.count <= 3 else { throw expected("']'") }
        return .slice(value, from: parts[0], to: parts.count > 1 ? parts[1] : nil, step: parts.count > 2 ? parts[2] : nil, line: start)
    }

    private mutating func filtersAndTests(_ value: Expression) throws(TemplateError) -> Expression {
        var value = value
        while true {
            let start = line
            switch current {
            case .symbol("|"), .symbol("("), .name("is"): try link()
            default: return value
            }
            if takeSymbol("|") {
                value = .filter(value, try filterCall())
            } else if takeName("is") {
                let isNegated = takeName("not")
                var name = try expectName()
                while takeSymbol(".") { name += "." + (try expectName()) }
                guard Tests.isKnown(name) else {
                    throw TemplateError(type: "TemplateAssertionError", message: "No test named '\(name)'.", line: start)
                }
                var arguments: [Argument] = []
                switch current {
                case .symbol("("): arguments = try self.arguments()
                case .name("else"), .name("or"), .name("and"): break
                case .name("is"): throw failure("You cannot chain multiple tests with is")
                case .name, .string, .integer, .bigInteger, .float, .symbol("["), .symbol("{"):
                    arguments = [Argument(kind: .positional, value: try postfix(try primary()))]
                default: break
                }
                value = .test(value, name: name, arguments: arguments, isNegated: isNegated, line: start)
            } else if current == .symbol("(") {
                value = .call(value, try arguments(), line: start)
            } else {
                return value
            }
        }
    }
}
