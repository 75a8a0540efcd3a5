/// `'{}:{name!r:>10}'.format(...)`.
enum BraceFormat {
    static func apply(_ format: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        var next = 0
        return try apply(format, arguments, &next, depth: 2, interpreter)
    }

    private static func apply(
        _ format: String, _ arguments: Arguments, _ next: inout Int, depth: Int, _ interpreter: Interpreter
    ) throws(TemplateError) -> String {
        if format.isEmpty { return "" }
        try interpreter.charge(format.utf8.count)
        guard depth > 0 else { throw interpreter.failure("ValueError", "Max string recursion exceeded") }
        var result = ""
        var scalars = Substring(format).unicodeScalars
        while let scalar = scalars.popFirst() {
            guard scalar == "{" || scalar == "}" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            if scalars.first == scalar {
                result.unicodeScalars.append(scalars.removeFirst())
                continue
            }
            guard scalar == "{" else { throw interpreter.failure("ValueError", "Single '}' encountered in format string") }
            guard !scalars.isEmpty else { throw interpreter.failure("ValueError", "Single '{' encountered in format string") }
            var field = ""
            var level = 1
            while let inner = scalars.popFirst() {
                if inner == "{" { level += 1 }
                if inner == "}" { level -= 1 }
                if level == 0 { break }
                field.unicodeScalars.append(inner)
            }
            guard level == 0 else { throw interpreter.failure("ValueError", "expected '}' before end of string") }
            try interpreter.step()
            let shown = try replacement(field, arguments, &next, depth, interpreter)
            try interpreter.charge(shown.utf8.count)
            result += shown
            try interpreter.requireSize(result.utf8.count)
        }
        return result
    }

    private static func replacement(
        _ field: String, _ arguments: Arguments, _ next: inout Int, _ depth: Int, _ interpreter: Interpreter
    ) throws(TemplateError) -> String {
        var rest = Substring(field).unicodeScalars
        var name = ""
        var isInBrackets = false
        while let scalar = rest.first, isInBrackets || (scalar != "!" && scalar != ":") {
            if scalar == "[" { isInBrackets = true }
            if scalar == "]" { isInBrackets = false }
            name.unicodeScalars.append(rest.removeFirst())
        }
        var conversion: Unicode.Scalar?
        if rest.first == "!" {
            rest.removeFirst()
            conversion = rest.popFirst()
            guard rest.isEmpty || rest.first == ":" else {
                throw interpreter.failure("ValueError", "expected ':' after conversion specifier")
            }
        }
        if !rest.isEmpty { rest.removeFirst() }
        var value = try lookUp(name, arguments, &next, interpreter)
        let specification = try apply(String(rest), arguments, &next, depth: depth - 1, interpreter)
        switch conversion {
        case nil: break
        case "r", "a": value = .string(PythonText.representation(value))
        case "s": value = .string(PythonText.string(value))
        case let other?: throw interpreter.failure("ValueError", "Unknown conversion specifier \(other)")
        }
        if specification.isEmpty { return PythonText.string(value) }
        guard let parsed = FormatSpecification(specification) else {
            throw interpreter.failure("ValueError", "Invalid format specifier '\(specification)' for object of type '\(value.typeName)'")
        }
        return try parsed.text(value, interpreter)
    }

    /// The value of `0`, `name`, or nothing (the next one), followed by `.attribute` and `[item]`
    /// parts.
    private static func lookUp(_ name: String, _ arguments: Arguments, _ next: inout Int, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        var rest = Substring(name).unicodeScalars
        var head = ""
        while let scalar = rest.first, scalar != ".", scalar != "[" { head.unicodeScalars.append(rest.removeFirst()) }
        var value: TemplateValue
        if head.isEmpty || Int(head) != nil {
            let index = Int(head) ?? next
            if head.isEmpty { next += 1 }
            guard index >= 0, index < arguments.positional.count else {
                throw interpreter.failure("IndexError", "tuple index out of range")
            }
            value = arguments.positional[index]
        } else {
            guard let found = arguments.named.first(where: { $0.name == head })?.value else {
                throw interpreter.failure("KeyError", PythonText.quoted(head))
            }
            value = found
        }
        while let separator = rest.popFirst() {
            var part = ""
            if separator == "[" {
                while let scalar = rest.popFirst(), scalar != "]" { part.unicodeScalars.append(scalar) }
                value = try interpreter.item(Int(part).map { .int($0) } ?? .string(part), of: value)
            } else {
                while let scalar = rest.first, scalar != ".", scalar != "[" { part.unicodeScalars.append(rest.removeFirst()) }
                value = try interpreter.item(.string(part), of: value)
            }
        }
        return value
    }
}
