/// What stands behind `is`.
enum Tests {
    private static let names: Set<String> = [
        "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence",
        "iterable", "callable",
        "sameas", "odd", "even", "divisibleby", "in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt",
        "greaterthan", ">", "ge", ">=",
        "upper", "lower", "filter", "test", "escaped",
    ]

    static func isKnown(_ name: String) -> Bool { names.contains(name) }

    static func isCase(_ text: String, upper: Bool) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy { upper ? $0.properties.isUppercase : $0.properties.isLowercase }
    }

    static func evaluate(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> Bool
    {
        func other() throws(TemplateError) -> TemplateValue {
            guard let value = arguments.positional.first else { throw interpreter.failure("TypeError", "test \(name) needs an argument") }
            return value
        }
        func whole(_ value: TemplateValue) throws(TemplateError) -> Int {
            guard let number = value.wholeNumber else {
                throw interpreter.operandFailure(value, "not all arguments converted during string formatting")
            }
            return number
        }
        switch name {
        case "defined": if case .undefined = value { return false } else { return true }
        case "undefined": if case .undefined = value { return true } else { return false }
        case "none": if case .none = value { return true } else { return false }
        case "string": if case .string = value { return true } else { return false }
        case "number": return value.number != nil
        case "integer": if case .int = value { return true } else { return false }
        case "float": if case .double = value { return true } else { return false }
        case "boolean": if case .bool = value { return true } else { return false }
        case "true": if case .bool(true) = value { return true } else { return false }
        case "false": if case .bool(false) = value { return true } else { return false }
        case "mapping": if case .dictionary = value { return true } else { return false }
        case "sequence":
            switch value {
            case .string, .list, .tuple, .dictionary, .undefined: return true
            default: return false
            }
        case "iterable":
            switch value {
            case .string, .list, .tuple, .dictionary, .undefined: return true
            default: return false
            }
        case "callable":
            switch value {
            case .function: return true
            case .object(let object): return object.call != nil
            default: return false
            }
        case "sameas":
            switch (value, try other()) {
            case (.none, .none): return true
            case (.bool(let a), .bool(let b)): return a == b
            case (.int(let a), .int(let b)): return a == b
            case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
            default: return false
            }
        case "odd": return try whole(value) % 2 != 0
        case "even": return try whole(value) % 2 == 0
        case "divisibleby":
            let divisor = try whole(try other())
            guard divisor != 0 else { throw interpreter.failure("ZeroDivisionError", "integer modulo by zero") }
            return divisor == -1 ? true : try whole(value) % divisor == 0
        case "in": return try Arithmetic.compare("in", value, try other(), interpreter)
        case "eq", "equalto", "==": return TemplateValue.equal(value, try other())
        case "ne", "!=": return !TemplateValue.equal(value, try other())
        case "lt", "lessthan", "<": return try Arithmetic.compare("<", value, try other(), interpreter)
        case "le", "<=": return try Arithmetic.compare("<=", value, try other(), interpreter)
        case "gt", "greaterthan", ">": return try Arithmetic.compare(">", value, try other(), interpreter)
        case "ge", ">=": return try Arithmetic.compare(">=", value, try other(), interpreter)
        case "upper": return isCase(PythonText.string(value), upper: true)
        case "lower": return isCase(PythonText.string(value), upper: false)
        case "filter": return Filters.isKnown(PythonText.string(value))
        case "test": return isKnown(PythonText.string(value))
        default: return false
        }
    }
}
