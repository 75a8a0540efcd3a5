/// What stands behind `|`.
enum Filters {
    private static let signatures: [String: Signature] = {
        var table: [String: Signature] = [
            "attr": Signature(["name"], required: 1), "batch": Signature(["linecount", "fill_with"], required: 1),
            "center": Signature(["width"]), "default": Signature(["default_value", "boolean"]),
            "d": Signature(["default_value", "boolean"]),
            "dictsort": Signature(["case_sensitive", "by", "reverse"]), "filesizeformat": Signature(["binary"]),
            "float": Signature(["default"]), "format": Signature(takesMore: true),
            "groupby": Signature(["attribute", "default", "case_sensitive"], required: 1),
            "indent": Signature(["width", "first", "blank"]), "int": Signature(["default", "base"]),
            "join": Signature(["d", "attribute"]), "map": Signature(takesMore: true), "max": Signature(["case_sensitive", "attribute"]),
            "min": Signature(["case_sensitive", "attribute"]), "reject": Signature(takesMore: true),
            "rejectattr": Signature(takesMore: true),
            "select": Signature(takesMore: true), "selectattr": Signature(takesMore: true),
            "replace": Signature(["old", "new", "count"], required: 2), "round": Signature(["precision", "method"]),
            "slice": Signature(["slices", "fill_with"], required: 1), "sort": Signature(["reverse", "case_sensitive", "attribute"]),
            "sum": Signature(["attribute", "start"]), "tojson": Signature(takesMore: true), "trim": Signature(["chars"]),
            "truncate": Signature(["length", "killwords", "end", "leeway"]), "unique": Signature(["case_sensitive", "attribute"]),
            "wordwrap": Signature(["width", "break_long_words", "wrapstring", "break_on_hyphens"]), "xmlattr": Signature(["autospace"]),
        ]
        for name in [
            "abs", "capitalize", "count", "e", "escape", "first", "forceescape", "items", "last", "length", "list", "lower", "pprint",
            "reverse", "safe", "string", "striptags", "title", "upper", "urlencode", "wordcount",
        ] { table[name] = Signature() }
        return table
    }()

    static func isKnown(_ name: String) -> Bool { signatures[name] != nil }

    static func apply(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        guard let signature = signatures[name] else { throw interpreter.failure("TemplateRuntimeError", "No filter named '\(name)'.") }
        try signature.check(arguments, name, interpreter)
        func text() throws(TemplateError) -> String {
            let text = try interpreter.text(value)
            if ["trim", "string", "safe", "replace"].contains(name) {
                try interpreter.chargeCopy(text.utf8.count)
            } else {
                try interpreter.charge(text.utf8.count)
            }
            return text
        }
        func elements() throws(TemplateError) -> [TemplateValue] { try interpreter.elements(value) }
        /// Text that counts as escaped if the value did.
        func alike(_ text: String) -> TemplateValue { if case .markup = value { .markup(text) } else { .string(text) } }
        switch name {
        case "default", "d":
            let fallback = arguments.value(0, "default_value") ?? .string("")
            if case .undefined = value { return fallback }
            return arguments.value(1, "boolean")?.isTrue ?? false && !value.isTrue ? fallback : value
        case "upper": return alike(PythonCharacters.uppercased(try text()))
        case "lower": return alike(PythonCharacters.lowercased(try text()))
        case "capitalize": return alike(PythonCharacters.capitalized(try text()))
        case "title": return .string(TextFilters.titled(try text()))
        case "trim":
            let characters = arguments.value(0, "chars")
            if let characters, !characters.isNone, characters.text == nil {
                throw interpreter.operandFailure(characters, "strip arg must be None or str")
            }
            return alike(TextSearch.stripped(try text(), characters?.text, left: true, right: true))
        case "string": return alike(try text())
        case "safe": return .markup(try text())
        case "e", "escape": if case .markup = value { return value } else { return .markup(escaped(try text())) }
        case "forceescape": return .markup(escaped(try text()))
        case "striptags": return .string(TextFilters.withoutTags(try text()))
        case "replace":
            let limit = arguments.value(2, "count")?.wholeNumber ?? -1
            return .string(
                try TextSearch.replaced(
                    try text(), try interpreter.text(arguments.value(0, "old") ?? .none),
                    try interpreter.text(arguments.value(1, "new") ?? .none), limit: limit, interpreter))
        case "center":
            guard let method = StringMethods.method("center", of: try text()) else { return value }
            return try interpreter.call(method, Arguments(positional: [arguments.value(0, "width") ?? .int(80)]))
        case "format":
            guard arguments.named.isEmpty else {
                guard arguments.positional.isEmpty else {
                    throw interpreter.failure(
                        "FilterArgumentError", "can't handle positional and keyword arguments at the same time")
                }
                let named = TemplateDictionary(arguments.named.map { (.string($0.name), $0.value) })
                return .string(try PercentFormat.apply(try text(), .dictionary(named), interpreter))
            }
            return .string(try PercentFormat.apply(try text(), .tuple(arguments.positional), interpreter))
        case "indent", "truncate", "wordwrap", "filesizeformat", "urlencode":
            return try TextFilters.apply(name, value, arguments, interpreter)
        case "wordcount": return .int(TextFilters.wordCount(try text()))
        case "pprint": return .string(PythonText.representation(TextFilters.sorted(value)))
        case "length", "count": return .int(try length(value, interpreter))
        case "first":
            guard let first = try elements().first else { return .undefined("No first item, sequence was empty.") }
            return first
        case "last":
            if case .view(let view) = value, view.kind.isGenerator {
                throw interpreter.failure("TypeError", "'generator' object is not reversible")
            }
            guard let last = try elements().last else { return .undefined("No last item, sequence was empty.") }
            return last
        case "list": return .list(try elements())
        case "items":
            if case .undefined = value { return .view(TemplateView(.entries, [])) }
            guard case .dictionary(let dictionary) = value else {
                throw interpreter.failure("TypeError", "Can only get item pairs from a mapping.")
            }
            return .view(TemplateView(.entries, dictionary.entries.map { .tuple([$0.key, $0.value]) }))
        case "reverse":
            if let text = value.text {
                try interpreter.charge(text.utf8.count)
                return alike(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
            }
            let kind: Bool = if case .view(let view) = value { view.kind.isGenerator } else { false }
            let reversed: [TemplateValue]
            do throws(TemplateError) { reversed = try elements().reversed() } catch {
                throw error.type == "TypeError" ? interpreter.failure("FilterArgumentError", "argument must be iterable") : error
            }
            return kind ? .list(reversed) : .view(TemplateView(.reversed, reversed))
        case "join": return try joined(try elements(), arguments, interpreter)
        case "sort", "dictsort", "unique", "groupby", "max", "min", "sum", "batch", "slice":
            return try SequenceFilters.apply(name, value, arguments, interpreter)
        case "map", "select", "reject", "selectattr", "rejectattr":
            // Empty and false values are skipped.
            return try SequenceFilters.choose(name, value.isTrue ? try elements() : [], arguments, interpreter)
        case "attr":
            let name = PythonText.string(arguments.value(0, "name") ?? .none)
            // Attributes alone count, not the keys of a dictionary.
            if case .dictionary = value, Methods.method(name, of: value) == nil {
                return .undefined("'dict object' has no attribute '\(name)'")
            }
            return try interpreter.attribute(name, of: value)
        case "abs":
            if let number = value.big { return number.magnitude.value }
            guard case .double(let number) = value else {
                throw interpreter.failure("TypeError", "bad operand type for abs(): '\(value.typeName)'")
            }
            return .double(abs(number))
        case "round": return try rounded(value, arguments, interpreter)
        case "int", "float":
            if case .undefined(let what) = value { throw interpreter.undefined(what) }
            if let text = value.text {
                // White space around a number may be long; the number itself may not.
                try interpreter.charge(text.utf8.count)
                let digits = min(text.utf8.count, 4300)
                try interpreter.charge(digits * digits / 32)
            }
            if name == "float" { return NumberText.float(value).map { .double($0) } ?? arguments.value(0, "default") ?? .double(0) }
            return NumberText.integer(value, base: arguments.value(1, "base")?.wholeNumber ?? 10)?.value ?? arguments.value(0, "default")
                ?? .int(0)
        case "tojson": return .string(try JSONText.string(value, arguments, interpreter))
        case "xmlattr":
            guard case .dictionary(let dictionary) = value else {
                throw interpreter.failure("AttributeError", "'\(value.typeName)' object has no attribute 'items'")
            }
            let parts = dictionary.entries.compactMap { entry -> String? in
                if case .none = entry.value { return nil }
                if case .undefined = entry.value { return nil }
                return " \(escaped(PythonText.string(entry.key)))=\"\(escaped(PythonText.string(entry.value)))\""
            }
            let joined = parts.joined()
            return .string(arguments.value(0, "autospace")?.isTrue ?? true ? joined : String(joined.dropFirst()))
        default: throw interpreter.failure("TemplateAssertionError", "No filter named '\(name)'.")
        }
    }

    static func length(_ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text), .markup(let text):
            try interpreter.chargeCopy(text.utf8.count)
            return text.utf8.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
        case .bytes(let bytes): return bytes.count
        case .range(let range): return range.count
        case .view(let view) where !view.kind.isGenerator: return view.elements.count
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
            if let attribute = arguments.value(1, "attribute"), !attribute.isNone {
                element = try SequenceFilters.pick(attribute, element, interpreter)
            }
            let part = try interpreter.text(element)
            size += part.utf8.count + separator.utf8.count
            try interpreter.requireSize(size)
            parts.append(part)
        }
        try interpreter.chargeCopy(size)
        return .string(parts.joined(separator: separator))
    }

    static func escaped(_ text: String) -> String {
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

    private static func rounded(_ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        guard let number = value.number else {
            throw interpreter.failure("TypeError", "type \(value.typeName) doesn't define __round__ method")
        }
        let digits = min(max(arguments.value(0, "precision")?.wholeNumber ?? 0, -300), 300)
        let method = arguments.value(1, "method").map { PythonText.string($0) } ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else {
            throw interpreter.failure("FilterArgumentError", "method must be common, ceil or floor")
        }
        if method == "common", let whole = value.big {
            // A whole number stays one; half goes to the even digit.
            guard digits < 0 else { return whole.value }
            let unit = try Arithmetic.apply("**", .int(10), .int(-digits), interpreter).big ?? BigInteger(1)
            let (quotient, remainder) = whole.dividedDown(by: unit)
            let twice = remainder + remainder
            let goesUp = unit < twice || (twice == unit && quotient.isOdd)
            return ((goesUp ? quotient + BigInteger(1) : quotient) * unit).value
        }
        guard number.isFinite else { return .double(number) }
        if method == "common" {
            // The decimal digits decide, as in Python, not the binary number times a power of ten.
            if digits >= 0, let result = Double(FloatFormat.fixed(number, digits: digits)) { return .double(result) }
        }
        var factor = 1.0
        for _ in 0..<abs(digits) { factor *= 10 }
        let scaled = digits >= 0 ? number * factor : number / factor
        let whole = method == "ceil" ? scaled.rounded(.up) : method == "floor" ? scaled.rounded(.down) : scaled.rounded(.toNearestOrEven)
        // Python's ceil and floor are whole numbers: they know no negative zero.
        let result = digits >= 0 ? whole / factor : whole * factor
        return .double(result == 0 && method != "common" ? 0 : result)
    }
}
