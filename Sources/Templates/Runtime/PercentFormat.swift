/// `'%s=%d' % values`.
enum PercentFormat {
    static func apply(_ format: String, _ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        var values: [TemplateValue] = if case .tuple(let elements) = value { elements } else { [value] }
        try interpreter.charge(format.utf8.count)
        var result = ""
        var scalars = Substring(format).unicodeScalars
        func next() throws(TemplateError) -> TemplateValue {
            guard !values.isEmpty else { throw interpreter.failure("TypeError", "not enough arguments for format string") }
            return values.removeFirst()
        }
        func number() throws(TemplateError) -> Int? {
            if scalars.first == "*" {
                scalars.removeFirst()
                guard let count = try next().wholeNumber else { throw interpreter.failure("TypeError", "* wants int") }
                return count
            }
            var digits: Int?
            while let digit = scalars.first, ("0"..."9").contains(digit) {
                digits = min((digits ?? 0) * 10 + Int(digit.value - 0x30), 1 << 40)
                scalars.removeFirst()
            }
            return digits
        }
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            try interpreter.step()
            var named: TemplateValue?
            if scalars.first == "(" {
                scalars.removeFirst()
                var name = ""
                while let next = scalars.popFirst(), next != ")" { name.unicodeScalars.append(next) }
                guard case .dictionary(let dictionary) = value else { throw interpreter.failure("TypeError", "format requires a mapping") }
                guard let found = dictionary[.string(name)] else { throw interpreter.failure("KeyError", PythonText.quoted(name)) }
                named = found
                values = []
            }
            var specification = FormatSpecification()
            var isLeft = false
            while let flag = scalars.first, ["-", "+", " ", "#", "0"].contains(flag) {
                scalars.removeFirst()
                switch flag {
                case "-": isLeft = true
                case "+": specification.sign = "+"
                case " ": if specification.sign != "+" { specification.sign = " " }
                case "#": specification.isAlternate = true
                default: (specification.fill, specification.alignment) = ("0", "=")
                }
            }
            let width = try number() ?? 0
            specification.width = abs(width)
            if isLeft || width < 0 { (specification.fill, specification.alignment) = (" ", "<") }
            if scalars.first == "." {
                scalars.removeFirst()
                specification.precision = try number() ?? 0
            }
            while let length = scalars.first, ["h", "l", "L"].contains(length) { scalars.removeFirst() }
            guard let kind = scalars.popFirst() else { throw interpreter.failure("ValueError", "incomplete format") }
            if kind == "%" {
                result += "%"
                continue
            }
            let argument: TemplateValue
            if let named { argument = named } else { argument = try next() }
            let shown = try text(kind, argument, specification, interpreter)
            try interpreter.charge(shown.utf8.count)
            result += shown
            try interpreter.requireSize(result.utf8.count)
        }
        // A mapping or a list may be left over; anything else may not.
        switch value {
        case .tuple: break
        case .dictionary, .list, .range, .undefined: values = []
        default: break
        }
        guard values.isEmpty else { throw interpreter.failure("TypeError", "not all arguments converted during string formatting") }
        return result
    }

    private static func text(
        _ kind: Unicode.Scalar, _ value: TemplateValue, _ specification: FormatSpecification, _ interpreter: Interpreter
    ) throws(TemplateError) -> String {
        var specification = specification
        func textual(_ text: String) throws(TemplateError) -> String {
            if specification.alignment != "<" { specification.alignment = ">" }
            specification.fill = " "
            return try specification.text(.string(text), interpreter)
        }
        switch kind {
        case "s": return try textual(PythonText.string(value))
        case "r", "a": return try textual(PythonText.representation(value))
        case "c":
            if case .string(let text) = value, text.unicodeScalars.count == 1 { return try textual(text) }
            guard let code = value.wholeNumber, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                throw interpreter.operandFailure(value, "%c requires int or char")
            }
            specification.precision = nil
            return try textual(String(scalar))
        case "d", "i", "u", "x", "X", "o":
            let isDecimal = kind == "d" || kind == "i" || kind == "u"
            var whole = value.big
            if whole == nil, isDecimal, case .double(let number) = value { whole = BigInteger(number) }
            guard let whole else {
                throw interpreter.operandFailure(
                    value, "%\(kind) format: \(isDecimal ? "a real number" : "an integer") is required, not \(value.typeName)")
            }
            specification.kind = isDecimal ? "d" : kind
            let digits = specification.precision
            specification.precision = nil
            if let digits {
                // A precision asks for so many digits.
                try interpreter.requireSize(digits)
                let text = whole.magnitude.text(radix: isDecimal ? 10 : kind == "o" ? 8 : 16, uppercase: kind == "X")
                let sign = whole.isNegative ? "-" : specification.sign == "-" ? "" : String(specification.sign)
                if specification.alignment == "=" { specification.alignment = ">" }
                return try textual(sign + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text)
            }
            return try specification.text(whole.value, interpreter)
        case "e", "E", "f", "F", "g", "G":
            guard let number = value.number else {
                throw interpreter.operandFailure(value, "must be real number, not \(value.typeName)")
            }
            specification.kind = kind
            return try specification.text(.double(number), interpreter)
        default:
            throw interpreter.failure(
                "ValueError", "unsupported format character '\(kind)' (0x\(String(kind.value, radix: 16)))")
        }
    }
}
