/// What stands behind `|`.
enum Filters {
    private static let names: Set<String> = [
        "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "forceescape",
        "format",
        "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
        "replace", "reverse",
        "round", "safe", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate",
        "unique", "upper",
        "urlencode", "wordcount", "xmlattr", "pprint",
    ]

    static func isKnown(_ name: String) -> Bool { names.contains(name) }

    static func apply(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        func text() -> String { PythonText.string(value) }
        func elements() throws(TemplateError) -> [TemplateValue] { try interpreter.iterate(value) }
        switch name {
        case "default", "d":
            let fallback = arguments.value(0, "default_value") ?? .string("")
            if case .undefined = value { return fallback }
            return arguments.value(1, "boolean")?.isTrue ?? false && !value.isTrue ? fallback : value
        case "upper": return .string(TextSearch.uppercased(text()))
        case "lower": return .string(TextSearch.lowercased(text()))
        case "capitalize": return .string(TextSearch.capitalized(text()))
        case "title": return .string(wordsTitled(text()))
        case "trim":
            guard case .string(let characters)? = arguments.value(0, "chars") else {
                return .string(TextSearch.stripped(text(), nil, left: true, right: true))
            }
            return .string(TextSearch.stripped(text(), characters, left: true, right: true))
        case "string", "safe":
            if case .undefined = value { return .string("") }
            return .string(text())
        case "e", "escape", "forceescape": return .string(escaped(text()))
        case "striptags": return .string(text().replacingTags())
        case "replace":
            let limit = arguments.value(2, "count")?.wholeNumber ?? -1
            return .string(
                try TextSearch.replaced(
                    text(), PythonText.string(arguments.value(0, "old") ?? .none), PythonText.string(arguments.value(1, "new") ?? .none),
                    limit: limit, interpreter))
        case "center":
            guard let method = StringMethods.method("center", of: text()) else { return value }
            return try interpreter.call(method, Arguments(positional: [arguments.value(0, "width") ?? .int(80)]))
        case "format": return .string(try PercentFormat.apply(text(), .tuple(arguments.positional), interpreter))
        case "indent": return .string(try indented(text(), arguments, interpreter))
        case "wordcount": return .int(TextSearch.words(text(), limit: -1, fromRight: false).count)
        case "truncate": return .string(truncated(text(), arguments))
        case "urlencode": return .string(percentEncoded(text()))
        case "pprint": return .string(PythonText.representation(value))
        case "length", "count": return .int(try length(value, interpreter))
        case "first":
            guard let first = try elements().first else { return .undefined("No first item, sequence was empty.") }
            return first
        case "last":
            guard let last = try elements().last else { return .undefined("No last item, sequence was empty.") }
            return last
        case "list": return .list(try elements())
        case "items":
            if case .undefined = value { return .list([]) }
            guard case .dictionary(let dictionary) = value else {
                throw interpreter.failure("TypeError", "Can only get item pairs from a mapping.")
            }
            return .list(dictionary.entries.map { .tuple([$0.key, $0.value]) })
        case "reverse":
            if case .string(let text) = value { return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed()))) }
            return .list(try elements().reversed())
        case "join": return try joined(try elements(), arguments, interpreter)
        case "sort", "dictsort", "unique", "groupby", "max", "min", "sum", "batch", "slice":
            return try SequenceFilters.apply(name, value, arguments, interpreter)
        case "map", "select", "reject", "selectattr", "rejectattr":
            return try SequenceFilters.choose(name, try elements(), arguments, interpreter)
        case "attr": return try interpreter.attribute(PythonText.string(arguments.value(0, "name") ?? .none), of: value)
        case "abs":
            if let number = value.wholeNumber { return .int(number == .min ? .max : abs(number)) }
            guard case .double(let number) = value else {
                throw interpreter.operandFailure(value, "bad operand type for abs(): '\(value.typeName)'")
            }
            return .double(abs(number))
        case "round": return try rounded(value, arguments, interpreter)
        case "int":
            return .int(
                integer(value, base: arguments.value(1, "base")?.wholeNumber ?? 10) ?? arguments.value(0, "default")?.wholeNumber ?? 0)
        case "float":
            if let number = value.number { return .double(number) }
            if case .string(let text) = value, let number = Double(TextSearch.stripped(text, nil, left: true, right: true)) {
                return .double(number)
            }
            return arguments.value(0, "default") ?? .double(0)
        case "tojson": return .string(try JSONText.string(value, arguments, interpreter))
        case "xmlattr":
            guard case .dictionary(let dictionary) = value else { throw interpreter.operandFailure(value, "xmlattr needs a mapping") }
            let parts = dictionary.entries.compactMap { entry -> String? in
                if case .none = entry.value { return nil }
                return " \(escaped(PythonText.string(entry.key)))=\"\(escaped(PythonText.string(entry.value)))\""
            }
            return .string(parts.joined())
        default: throw interpreter.failure("TemplateAssertionError", "No filter named '\(name)'.")
        }
    }

    static func length(_ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text): return text.unicodeScalars.count
        case .list(let elements), .tuple(let elements): return elements.count
        case .dictionary(let dictionary): return dictionary.entries.count
        default: throw interpreter.failure("TypeError", "object of type '\(value.typeName)' has no len()")
        }
    }

    private static func joined(_ elements: [TemplateValue], _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        let separator = PythonText.string(arguments.value(0, "d") ?? .string(""))
        var parts: [String] = []
        var size = 0
        for element in elements {
            var element = element
            if let attribute = arguments.value(1, "attribute") { element = try interpreter.item(attribute, of: element) }
            let part = PythonText.string(element)
            size += part.utf8.count + separator.utf8.count
            try interpreter.requireSize(size)
            parts.append(part)
        }
        return .string(parts.joined(separator: separator))
    }

    /// Jinja's own title filter: a word begins after white space or one of `-({[<`.
    private static func wordsTitled(_ text: String) -> String {
        var result = ""
        var word = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace || "-({[<".unicodeScalars.contains(scalar) {
                result += TextSearch.capitalized(word) + String(scalar)
                word = ""
            } else {
                word.unicodeScalars.append(scalar)
            }
        }
        return result + TextSearch.capitalized(word)
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&#39;"
            case "\"": result += "&#34;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func percentEncoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "_.-~/".utf8.contains(byte)
            let digits = String(byte, radix: 16, uppercase: true)
            result += isPlain ? String(Character(Unicode.Scalar(byte))) : "%" + (digits.utf8.count == 1 ? "0" : "") + digits
        }
        return result
    }

    private static func indented(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        let width = arguments.value(0, "width") ?? .int(4)
        let prefix: String
        if case .string(let given) = width {
            prefix = given
        } else {
            let count = max(0, width.wholeNumber ?? 4)
            try interpreter.requireSize(count)
            prefix = String(repeating: " ", count: count)
        }
        let indentsFirst = arguments.value(1, "first")?.isTrue ?? false
        let indentsBlank = arguments.value(2, "blank")?.isTrue ?? false
        let lines = TextSearch.split(text, by: "\n", limit: -1, fromRight: false)
        try interpreter.requireSize(text.utf8.count + lines.count * prefix.utf8.count)
        return lines.enumerated().map { index, line in
            if index == 0 { return indentsFirst ? prefix + line : line }
            return line.isEmpty && !indentsBlank ? line : prefix + line
        }.joined(separator: "\n")
    }

    private static func truncated(_ text: String, _ arguments: Arguments) -> String {
        let length = max(0, arguments.value(0, "length")?.wholeNumber ?? 255)
        let kills = arguments.value(1, "killwords")?.isTrue ?? false
        let end = arguments.value(2, "end").map { PythonText.string($0) } ?? "..."
        let leeway = arguments.value(3, "leeway")?.wholeNumber ?? 5
        let scalars = Array(text.unicodeScalars)
        guard scalars.count > length &+ leeway else { return text }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars.prefix(max(0, length - end.unicodeScalars.count)))
        let cut = String(view)
        if kills { return cut + end }
        return (TextSearch.split(cut, by: " ", limit: 1, fromRight: true).first ?? cut) + end
    }

    private static func rounded(_ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        guard let number = value.number else {
            throw interpreter.operandFailure(value, "type \(value.typeName) doesn't define __round__ method")
        }
        let digits = min(max(arguments.value(0, "precision")?.wholeNumber ?? 0, -300), 300)
        let method = arguments.value(1, "method").map { PythonText.string($0) } ?? "common"
        guard number.isFinite else { return .double(number) }
        if method == "common" {
            // The decimal digits decide, as in Python, not the binary number times a power of ten.
            if digits >= 0, let result = Double(FloatFormat.fixed(number, digits: digits)) { return .double(result) }
        }
        var factor = 1.0
        for _ in 0..<abs(digits) { factor *= 10 }
        let scaled = digits >= 0 ? number * factor : number / factor
        let whole = method == "ceil" ? scaled.rounded(.up) : method == "floor" ? scaled.rounded(.down) : scaled.rounded(.toNearestOrEven)
        return .double(digits >= 0 ? whole / factor : whole * factor)
    }

    private static func integer(_ value: TemplateValue, base: Int) -> Int? {
        if let number = value.wholeNumber { return number }
        if case .double(let number) = value { return number.isFinite && abs(number) < 9e18 ? Int(number) : nil }
        guard case .string(let text) = value else { return nil }
        let trimmed = TextSearch.stripped(text, nil, left: true, right: true)
        if (2...36).contains(base), let number = Int(trimmed, radix: base) { return number }
        if let number = Double(trimmed), number.isFinite, abs(number) < 9e18 { return Int(number) }
        return nil
    }
}

extension String {
    /// The text without `<...>` tags and with runs of white space as one space.
    fileprivate func replacingTags() -> String {
        var result = ""
        var isInside = false
        for scalar in unicodeScalars {
            if scalar == "<" {
                isInside = true
            } else if scalar == ">", isInside {
                isInside = false
            } else if !isInside {
                result.unicodeScalars.append(scalar)
            }
        }
        return TextSearch.words(result, limit: -1, fromRight: false).joined(separator: " ")
    }
}
