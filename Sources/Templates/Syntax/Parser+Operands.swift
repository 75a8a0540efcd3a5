/// What operators stand between: names, literals, lists, calls, filters and tests.
extension Parser {
    mutating func primary() throws(TemplateError) -> Expression {
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

    mutating func postfix(_ value: Expression) throws(TemplateError) -> Expression {
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

    mutating func subscripted(_ value: Expression, _ start: Int) throws(TemplateError) -> Expression {
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
            return .item(value, pending ?? .tuple([]), line: start)
        }
        parts.append(pending)
        guard parts.count <= 3 else { throw expected("']'") }
        return .slice(value, from: parts[0], to: parts.count > 1 ? parts[1] : nil, step: parts.count > 2 ? parts[2] : nil, line: start)
    }

    mutating func filtersAndTests(_ value: Expression) throws(TemplateError) -> Expression {
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
                if !Tests.isKnown(name) { miss("No test named '\(name)'.", start) }
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

    /// Filters after a `|` that has been passed.
    mutating func filterChain() throws(TemplateError) -> [Statement.FilterCall] {
        var filters = [try filterCall()]
        while takeSymbol("|") {
            try link()
            filters.append(try filterCall())
        }
        return filters
    }

    mutating func filterCall() throws(TemplateError) -> Statement.FilterCall {
        let start = line
        var name = try expectName()
        while takeSymbol(".") { name += "." + (try expectName()) }
        if !Filters.isKnown(name) { miss("No filter named '\(name)'.", start) }
        let arguments = current == .symbol("(") ? try self.arguments() : []
        return .init(name: name, arguments: arguments, line: start)
    }

    mutating func arguments() throws(TemplateError) -> [Argument] {
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
}
