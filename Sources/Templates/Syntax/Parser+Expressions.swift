/// Expressions, from the loosest binding to the tightest.
extension Parser {
    /// One expression, or several with commas, which make a tuple.
    mutating func tupleExpression(allowsConditional: Bool = true, isParenthesised: Bool = false) throws(TemplateError) -> Expression {
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

    func isTupleEnd(_ isParenthesised: Bool) -> Bool {
        switch current {
        case .variableEnd, .blockEnd: true
        case .symbol(")"): true
        case .name("in"), .name("recursive"): !isParenthesised
        default: false
        }
    }

    mutating func expression() throws(TemplateError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the expression is nested too deeply") }
        let missed = laterErrors.count
        var value = try orExpression()
        while takeName("if") {
            try link()
            // What was said of the value waits, too, until it is reached.
            laterErrors.removeSubrange(missed...)
            value = try conditional(true) { [value] parser throws(TemplateError) in
                let condition = try parser.orExpression()
                let otherwise = parser.takeName("else") ? try parser.expression() : nil
                return .conditional(value, condition: condition, otherwise: otherwise)
            }
        }
        return value
    }

    mutating func orExpression() throws(TemplateError) -> Expression {
        var left = try andExpression()
        while takeName("or") {
            try link()
            left = .or(left, try andExpression())
        }
        return left
    }

    mutating func andExpression() throws(TemplateError) -> Expression {
        var left = try notExpression()
        while takeName("and") {
            try link()
            left = .and(left, try notExpression())
        }
        return left
    }

    mutating func notExpression() throws(TemplateError) -> Expression {
        guard takeName("not") else { return try comparison() }
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the expression is nested too deeply") }
        return .not(try notExpression())
    }

    mutating func comparison() throws(TemplateError) -> Expression {
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

    mutating func sum() throws(TemplateError) -> Expression {
        var left = try concatenation()
        while case .symbol(let symbol) = current, symbol == "+" || symbol == "-" {
            try link()
            let start = line
            advance()
            left = .binary(symbol, left, try concatenation(), line: start)
        }
        return left
    }

    mutating func concatenation() throws(TemplateError) -> Expression {
        var parts = [try product()]
        while takeSymbol("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : .concatenate(parts)
    }

    mutating func product() throws(TemplateError) -> Expression {
        var left = try power()
        while case .symbol(let symbol) = current, ["*", "/", "//", "%"].contains(symbol) {
            try link()
            let start = line
            advance()
            left = .binary(symbol, left, try power(), line: start)
        }
        return left
    }

    mutating func power() throws(TemplateError) -> Expression {
        var left = try unary(hasFilters: true)
        while current == .symbol("**") {
            try link()
            let start = line
            advance()
            left = .binary("**", left, try unary(hasFilters: true), line: start)
        }
        return left
    }

    mutating func unary(hasFilters: Bool) throws(TemplateError) -> Expression {
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
}
