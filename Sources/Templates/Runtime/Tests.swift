/// What stands behind `is`.
enum Tests {
    private static let names: Set<String> = [
        "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence",
        "iterable", "callable",
        "sameas", "odd", "even", "divisibleby", "in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt",
        "greaterthan", ">", "ge", ">=",
        "upper", "lower", "filter", "test", "escaped",
    ]

    private static let countsOfArguments: [String: Int] = Dictionary(
        uniqueKeysWithValues: [
            "sameas", "divisibleby", "in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">",
            "ge", ">=",
        ].map { ($0, 1) })

    static func isKnown(_ name: String) -> Bool { names.contains(name) }

    static func isCase(_ text: String, upper: Bool) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy { upper ? $0.properties.isUppercase : $0.properties.isLowercase }
    }

    static func evaluate(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> Bool
    {
        guard isKnown(name) else { throw interpreter.failure("TemplateRuntimeError", "No test named '\(name)'.") }
        let most = countsOfArguments[name] ?? 0
        guard arguments.positional.count <= most else {
            throw interpreter.failure(
                "TypeError", "test \(name) takes \(most) argument\(most == 1 ? "" : "s") but \(arguments.positional.count) were given")
        }
        func other() throws(TemplateError) -> TemplateValue {
            guard let value = arguments.positional.first else { throw interpreter.failure("TypeError", "test \(name) needs an argument") }
            return value
        }
        func remainder(_ divisor: TemplateValue, is expected: Int) throws(TemplateError) -> Bool {
            try interpreter.equal(try Arithmetic.apply("%", value, divisor, interpreter), .int(expected))
        }
        switch name {
        case "defined": if case .undefined = value { return false } else { return true }
        case "undefined": if case .undefined = value { return true } else { return false }
        case "none": if case .none = value { return true } else { return false }
        case "string": return value.text != nil
        case "number": return value.number != nil
        case "integer":
            switch value {
            case .int, .big: return true
            default: return false
            }
        case "float": if case .double = value { return true } else { return false }
        case "boolean": if case .bool = value { return true } else { return false }
        case "true": if case .bool(true) = value { return true } else { return false }
        case "false": if case .bool(false) = value { return true } else { return false }
        case "mapping": if case .dictionary = value { return true } else { return false }
        case "sequence":
            switch value {
            case .string, .markup, .bytes, .list, .tuple, .dictionary, .range, .undefined: return true
            default: return false
            }
        case "iterable":
            switch value {
            case .string, .markup, .bytes, .list, .tuple, .dictionary, .range, .view, .undefined: return true
            default: return false
            }
        case "callable":
            switch value {
            case .function, .undefined: return true
            case .object(let object): return object.call != nil
            default: return false
            }
        case "sameas":
            switch (value, try other()) {
            case (.none, .none): return true
            case (.bool(let a), .bool(let b)): return a == b
            case (.int(let a), .int(let b)): return a == b
            case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
            case (.object(let a), .object(let b)): return a === b
            default: return false
            }
        case "odd": return try remainder(.int(2), is: 1)
        case "even": return try remainder(.int(2), is: 0)
        case "divisibleby": return try remainder(try other(), is: 0)
        case "in": return try Arithmetic.compare("in", value, try other(), interpreter)
        case "eq", "equalto", "==": return try interpreter.equal(value, try other())
        case "ne", "!=": return !(try interpreter.equal(value, try other()))
        case "lt", "lessthan", "<": return try Arithmetic.compare("<", value, try other(), interpreter)
        case "le", "<=": return try Arithmetic.compare("<=", value, try other(), interpreter)
        case "gt", "greaterthan", ">": return try Arithmetic.compare(">", value, try other(), interpreter)
        case "ge", ">=": return try Arithmetic.compare(">=", value, try other(), interpreter)
        case "upper", "lower":
            let text = try interpreter.text(value)
            try interpreter.charge(text.utf8.count * 4)
            return isCase(text, upper: name == "upper")
        case "escaped": if case .markup = value { return true } else { return false }
        case "filter", "test":
            try interpreter.requireHashable(value)
            guard let word = value.text else { return false }
            return name == "filter" ? Filters.isKnown(word) : isKnown(word)
        default: return false
        }
    }
}
