extension Parser {
    mutating func statement(_ name: String) throws(TemplateError) -> Statement {
        let start = line
        advance()
        switch name {
        case "if": return try ifStatement()
        case "for": return try forStatement(start)
        case "set": return try setStatement(start)
        case "macro":
            let macro = try expectName()
            let parameters = try conditional(false) { parser throws(TemplateError) in try parser.parameters() }
            let (body, usage) = try function("macro", until: "endmacro")
            return .macro(.init(name: macro, parameters: parameters, body: body, usage: usage))
        case "call":
            let parameters = current == .symbol("(") ? try self.parameters() : []
            let call = try expression()
            guard case .call = call else { throw failure("expected call") }
            let (body, usage) = try function("call", until: "endcall")
            return .callBlock(parameters: parameters, call: call, body: body, usage: usage, line: start)
        case "filter":
            let (filters, body) = try conditional(false) { parser throws(TemplateError) in
                (try parser.filterChain(), try parser.block("filter", until: ["endfilter"]))
            }
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
            let body = try conditional(false) { parser throws(TemplateError) in try parser.block("with", until: ["endwith"]) }
            try closing("endwith")
            return .with(values.map { (name: $0.0, value: $0.1) }, body: body)
        case "generation":
            return .generation(try function("generation", until: "endgeneration").body)
        case "autoescape":
            let flag = try expression()
            let body = try conditional(false) { parser throws(TemplateError) in try parser.block("autoescape", until: ["endautoescape"]) }
            try closing("endautoescape")
            return .autoescape(flag, body: body)
        case "block":
            return try blockStatement(start)
        case "include", "import", "from", "extends":
            // What they name is looked up by a loader, which chat templates have none of.
            _ = try expression()
            while current != .blockEnd, current != .end { advance() }
            try expectBlockEnd()
            return .unavailable(type: "TypeError", message: "no loader for this environment specified", line: start)
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
                if open.contains(where: { $0.endings.contains(name) }) {
                    throw failure(
                        "Encountered unknown tag '\(name)'. You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for \(innermost.endings.map { "'\($0)'" }.joined(separator: " or ")). The innermost block that needs to be closed is '\(innermost.name)'."
                    )
                }
                let tags = innermost.endings.map { "'\($0)'" }.joined(separator: " or ")
                throw failure(
                    "Encountered unknown tag '\(name)'. Jinja was looking for the following tags: \(tags). The innermost block that needs to be closed is '\(innermost.name)'."
                )
            }
            throw failure("Encountered unknown tag '\(name)'.")
        }
    }

    /// A body that is a function of its own: loops around it cannot be left from inside.
    mutating func function(_ name: String, until ending: String, named: String? = nil) throws(TemplateError)
        -> (body: [Statement], usage: Statement.MacroUsage)
    {
        let (savedDepth, savedNames) = (loopDepth, mentioned)
        (loopDepth, mentioned) = (0, [])
        let body = try conditional(false) { parser throws(TemplateError) in try parser.block(name, until: [ending]) }
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

    private mutating func blockStatement(_ start: Int) throws(TemplateError) -> Statement {
        let name = try expectName()
        let isScoped = takeName("scoped")
        let isRequired = takeName("required")
        if current == .symbol("-") {
            throw failure(
                "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
        }
        let body = try function("block", until: "endblock", named: name).body
        if isRequired {
            let isEmpty = body.allSatisfy {
                if case .text(let bytes) = $0 { bytes.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } } else { false }
            }
            guard isEmpty else {
                throw TemplateError(
                    type: "TemplateSyntaxError", message: "Required blocks can only contain comments or whitespace", line: start)
            }
        }
        let block = Statement.Block(name: name, body: body, isScoped: isScoped, isRequired: isRequired, line: start)
        if blocks[name] != nil {
            laterErrors.append(TemplateError(type: "TemplateAssertionError", message: "block '\(name)' defined twice", line: start))
        }
        blocks[name] = block
        return .block(block)
    }

    mutating func ifStatement() throws(TemplateError) -> Statement {
        try conditional(true) { parser throws(TemplateError) in try parser.branches() }
    }

    private mutating func branches() throws(TemplateError) -> Statement {
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

    mutating func forStatement(_ start: Int) throws(TemplateError) -> Statement {
        let assignments = loopAssignments.count
        let target = try self.target(allowsAttribute: false)
        guard takeName("in") else { throw expected("'in'") }
        let iterated = try tupleExpression(allowsConditional: false)
        let condition = takeName("if") ? try conditional(false) { parser throws(TemplateError) in try parser.expression() } : nil
        let isRecursive = takeName("recursive")
        let (body, otherwise) = try conditional(false) { parser throws(TemplateError) in try parser.loopBodies() }
        if let line = loopAssignments.dropFirst(assignments).first {
            laterErrors.append(
                TemplateError(
                    type: "TemplateAssertionError", message: "Can't assign to special loop variable in for-loop target", line: line))
        }
        return .forLoop(
            .init(
                target: target, iterated: iterated, condition: condition, body: body, otherwise: otherwise, isRecursive: isRecursive,
                line: start))
    }

    private mutating func loopBodies() throws(TemplateError) -> (body: [Statement], otherwise: [Statement]) {
        loopDepth += 1
        let body = try block("for", until: ["endfor", "else"])
        loopDepth -= 1
        advance()
        guard try expectName() == "else" else {
            try expectBlockEnd()
            return (body, [])
        }
        let otherwise = try block("for", until: ["endfor"])
        try closing("endfor")
        return (body, otherwise)
    }

    mutating func setStatement(_ start: Int) throws(TemplateError) -> Statement {
        let target = try self.target(allowsAttribute: true)
        if takeSymbol("=") {
            let value = try tupleExpression()
            try expectBlockEnd()
            return .assign(target, value: value, line: start)
        }
        let filters = takeSymbol("|") ? try conditional(false) { parser throws(TemplateError) in try parser.filterChain() } : []
        if case .tuple = target { throw expected("'='") }
        let body = try conditional(false) { parser throws(TemplateError) in try parser.block("set", until: ["endset"]) }
        try closing("endset")
        return .assignBlock(target, filters: filters, body: body, line: start)
    }

    mutating func parameters() throws(TemplateError) -> [Statement.Parameter] {
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

    /// What is assigned to: names, with commas and parentheses as in Python.
    mutating func target(allowsAttribute: Bool) throws(TemplateError) -> Statement.Target {
        var targets = [try singleTarget(allowsAttribute)]
        guard current == .symbol(",") else { return targets[0] }
        while takeSymbol(",") {
            if current == .name("in") || current == .symbol(")") { break }
            targets.append(try singleTarget(allowsAttribute))
        }
        return .tuple(targets)
    }

    mutating func singleTarget(_ allowsAttribute: Bool) throws(TemplateError) -> Statement.Target {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw failure("the target is nested too deeply") }
        if takeSymbol("(") {
            let inner = try target(allowsAttribute: allowsAttribute)
            try expectSymbol(")")
            return inner
        }
        switch current {
        case .blockEnd: throw failure("Expected an expression, got 'end of statement block'")
        case .string, .integer, .bigInteger, .float: throw failure("can't assign to 'const'")
        case .symbol(let symbol): throw failure("unexpected '\(symbol)'")
        default: break
        }
        if case .name(let name) = current, ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw failure("can't assign to 'const'")
        }
        let place = line
        let name = try expectName()
        if name == "loop" { loopAssignments.append(place) }
        if allowsAttribute, takeSymbol(".") { return .attribute(of: name, try expectName()) }
        return .name(name)
    }
}
