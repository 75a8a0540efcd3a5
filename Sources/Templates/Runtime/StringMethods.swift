/// The methods of texts.
enum StringMethods {
    private static let signatures: [String: Signature] = {
        func places(_ names: [String], _ required: Int = 0) -> Signature { Signature(names, required: required, positional: true) }
        var table: [String: Signature] = [
            "strip": places(["chars"]), "lstrip": places(["chars"]), "rstrip": places(["chars"]),
            "split": Signature(["sep", "maxsplit"]), "rsplit": Signature(["sep", "maxsplit"]), "splitlines": Signature(["keepends"]),
            "startswith": places(["prefix", "start", "end"], 1), "endswith": places(["suffix", "start", "end"], 1),
            "replace": places(["old", "new", "count"], 2), "join": places(["iterable"], 1),
            "center": places(["width", "fillchar"], 1), "ljust": places(["width", "fillchar"], 1),
            "rjust": places(["width", "fillchar"], 1),
            "zfill": places(["width"], 1), "removeprefix": places(["prefix"], 1), "removesuffix": places(["suffix"], 1),
            "partition": places(["sep"], 1), "rpartition": places(["sep"], 1), "expandtabs": Signature(["tabsize"]),
            "format": Signature(takesMore: true), "format_map": places(["mapping"], 1), "translate": places(["table"], 1),
            "encode": Signature(["encoding", "errors"]),
        ]
        for name in ["find", "rfind", "index", "rindex", "count"] { table[name] = places(["sub", "start", "end"], 1) }
        for name in [
            "upper", "lower", "casefold", "title", "capitalize", "swapcase", "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum",
            "isspace", "isupper", "islower", "istitle", "isascii", "isprintable", "isidentifier",
        ] { table[name] = places([]) }
        return table
    }()

    /// Methods that copy or search bytes, but do not look at each character.
    private static let copying: Set<String> = [
        "strip", "lstrip", "rstrip", "startswith", "endswith", "replace", "join", "removeprefix", "removesuffix", "partition", "rpartition",
        "find", "rfind", "index", "rindex", "count", "isascii",
    ]

    /// - Parameter isMarkup: the text counts as escaped; so does then what comes of it, and other
    ///   text that goes into it is escaped.
    static func method(_ name: String, of text: String, isMarkup: Bool = false) -> TemplateValue? {
        guard let signature = signatures[name] else { return nil }
        return .function(
            TemplateFunction(name: name) { interpreter, arguments throws(TemplateError) in
                try signature.check(arguments, "str.\(name)", interpreter)
                guard isMarkup else { return try call(name, text, arguments, interpreter) }
                var escaped = arguments
                escaped.positional = arguments.positional.map {
                    if case .string(let part) = $0 { .string(Filters.escaped(part)) } else { $0 }
                }
                return marked(try call(name, text, ["strip", "lstrip", "rstrip"].contains(name) ? arguments : escaped, interpreter))
            })
    }

    private static func marked(_ value: TemplateValue) -> TemplateValue {
        switch value {
        case .string(let text): .markup(text)
        case .list(let elements): .list(elements.map(marked))
        case .tuple(let elements): .tuple(elements.map(marked))
        default: value
        }
    }

    private static func text(_ arguments: Arguments, _ index: Int, _ name: String, _ interpreter: Interpreter) throws(TemplateError)
        -> String?
    {
        guard let value = arguments.value(index, name) else { return nil }
        if case .none = value { return nil }
        guard let text = value.text else { throw interpreter.operandFailure(value, "must be str, not \(value.typeName)") }
        return text
    }

    private static func required(_ arguments: Arguments, _ index: Int, _ interpreter: Interpreter) throws(TemplateError) -> String {
        guard let text = try text(arguments, index, "", interpreter) else {
            throw interpreter.failure("TypeError", "must be str, not None")
        }
        return text
    }

    private static func number(_ arguments: Arguments, _ index: Int, _ name: String, _ interpreter: Interpreter) throws(TemplateError)
        -> Int?
    {
        guard let value = arguments.value(index, name) else { return nil }
        guard let number = value.wholeNumber else {
            throw interpreter.operandFailure(value, "'\(value.typeName)' object cannot be interpreted as an integer")
        }
        return number
    }

    /// The part of a text that the arguments `start` and `end` choose, and where it begins; nil if
    /// the start is beyond the end.
    private static func part(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> (
        text: String, start: Int
    )? {
        func bound(_ index: Int) throws(TemplateError) -> Int? {
            guard let value = arguments.value(index, ""), !value.isNone else { return nil }
            guard let number = value.wholeNumber else {
                throw interpreter.operandFailure(value, "slice indices must be integers or None or have an __index__ method")
            }
            return number
        }
        let (from, to) = (try bound(1), try bound(2))
        guard from != nil || to != nil else { return (text, 0) }
        let scalars = Array(text.unicodeScalars)
        func place(_ index: Int) -> Int { index < 0 ? max(0, index < -scalars.count ? 0 : index + scalars.count) : index }
        let (start, end) = (from.map(place) ?? 0, min(scalars.count, to.map(place) ?? scalars.count))
        guard start <= end else { return nil }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[start..<end])
        return (String(view), start)
    }

    private static func call(_ name: String, _ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        if copying.contains(name) { try interpreter.chargeCopy(text.utf8.count) } else { try interpreter.charge(text.utf8.count * 2) }
        switch name {
        case "strip", "lstrip", "rstrip":
            return .string(
                TextSearch.stripped(
                    text, try self.text(arguments, 0, "chars", interpreter), left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit":
            let limit = try number(arguments, 1, "maxsplit", interpreter) ?? -1
            let parts: [String]
            if let separator = try self.text(arguments, 0, "sep", interpreter) {
                if separator.utf8.isEmpty { throw interpreter.failure("ValueError", "empty separator") }
                parts = TextSearch.split(text, by: separator, limit: limit, fromRight: name == "rsplit")
            } else {
                parts = TextSearch.words(text, limit: limit, fromRight: name == "rsplit")
            }
            try interpreter.requireCount(parts.count)
            return .list(parts.map { .string($0) })
        case "splitlines":
            let lines = TextSearch.lines(text, keepsEnds: arguments.value(0, "keepends")?.isTrue ?? false)
            try interpreter.requireCount(lines.count)
            return .list(lines.map { .string($0) })
        case "startswith", "endswith":
            var options: [String] = []
            let first = arguments.positional.first ?? .none
            if let text = first.text {
                options = [text]
            } else if case .tuple(let elements) = first {
                for element in elements {
                    guard let text = element.text else {
                        throw interpreter.operandFailure(element, "tuple for \(name) must only contain str, not \(element.typeName)")
                    }
                    options.append(text)
                }
            } else {
                throw interpreter.operandFailure(first, "\(name) first arg must be str or a tuple of str, not \(first.typeName)")
            }
            guard let (part, _) = try part(text, arguments, interpreter) else { return .bool(false) }
            return .bool(
                options.contains {
                    name == "startswith" ? part.utf8.starts(with: $0.utf8) : part.utf8.suffix($0.utf8.count).elementsEqual($0.utf8)
                })
        case "upper": return .string(PythonCharacters.uppercased(text))
        case "lower": return .string(PythonCharacters.lowercased(text))
        case "casefold": return .string(PythonCharacters.folded(text))
        case "title": return .string(PythonCharacters.titled(text))
        case "capitalize": return .string(PythonCharacters.capitalized(text))
        case "swapcase": return .string(PythonCharacters.swapcased(text))
        case "replace":
            let limit = try number(arguments, 2, "count", interpreter) ?? -1
            return .string(
                try TextSearch.replaced(
                    text, try required(arguments, 0, interpreter), try required(arguments, 1, interpreter), limit: limit, interpreter))
        case "join":
            var parts: [String] = []
            var size = 0
            for (index, element) in try interpreter.elements(arguments.positional.first ?? .none).enumerated() {
                guard let part = element.text else {
                    throw interpreter.operandFailure(element, "sequence item \(index): expected str instance, \(element.typeName) found")
                }
                size += part.utf8.count + text.utf8.count
                try interpreter.requireSize(size)
                parts.append(part)
            }
            try interpreter.chargeCopy(size)
            return .string(parts.joined(separator: text))
        case "find", "rfind", "index", "rindex", "count": return try found(name, text, arguments, interpreter)
        case "format": return .string(try BraceFormat.apply(text, arguments, interpreter))
        case "format_map":
            guard case .dictionary(let mapping)? = arguments.positional.first else {
                throw interpreter.failure("TypeError", "format_map() argument must be a mapping")
            }
            let named = mapping.entries.map { (name: PythonText.string($0.key), value: $0.value) }
            return .string(try BraceFormat.apply(text, Arguments(positional: [], named: named), interpreter))
        case "center", "ljust", "rjust", "zfill": return .string(try padded(name, text, arguments, interpreter))
        case "expandtabs": return .string(try TextSearch.expanded(text, try number(arguments, 0, "tabsize", interpreter) ?? 8, interpreter))
        case "removeprefix":
            let part = try required(arguments, 0, interpreter)
            return .string(text.utf8.starts(with: part.utf8) ? String(Substring(text.utf8.dropFirst(part.utf8.count))) : text)
        case "removesuffix":
            let part = try required(arguments, 0, interpreter)
            let matches = text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
            return .string(matches ? String(Substring(text.utf8.dropLast(part.utf8.count))) : text)
        case "partition", "rpartition":
            let separator = try required(arguments, 0, interpreter)
            if separator.utf8.isEmpty { throw interpreter.failure("ValueError", "empty separator") }
            let parts = TextSearch.split(text, by: separator, limit: 1, fromRight: name == "rpartition")
            if parts.count == 2 { return .tuple([.string(parts[0]), .string(separator), .string(parts[1])]) }
            return .tuple(name == "partition" ? [.string(text), .string(""), .string("")] : [.string(""), .string(""), .string(text)])
        case "translate": return .string(try translated(text, arguments.positional.first ?? .none, interpreter))
        case "encode": return try PythonBytes.encoded(text, arguments, interpreter)
        default: return .bool(holds(name, text))
        }
    }

    private static func holds(_ name: String, _ text: String) -> Bool {
        let scalars = text.unicodeScalars
        func all(_ test: (Unicode.Scalar) -> Bool) -> Bool { !scalars.isEmpty && scalars.allSatisfy(test) }
        switch name {
        case "isdigit": return all(PythonCharacters.isDigit)
        case "isdecimal": return all(PythonCharacters.isDecimal)
        case "isnumeric": return all(PythonCharacters.isNumeric)
        case "isalpha": return all(PythonCharacters.isLetter)
        case "isalnum": return all { PythonCharacters.isLetter($0) || PythonCharacters.isNumeric($0) }
        case "isspace": return all(PythonCharacters.isSpace)
        case "isupper": return Tests.isCase(text, upper: true)
        case "islower": return Tests.isCase(text, upper: false)
        case "istitle": return PythonCharacters.isTitled(text)
        case "isascii": return text.utf8.allSatisfy { $0 < 0x80 }
        case "isprintable": return scalars.allSatisfy(PythonCharacters.isPrintable)
        default:
            guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
            return scalars.dropFirst().allSatisfy(\.properties.isXIDContinue)
        }
    }

    private static func found(_ name: String, _ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        let wanted = Array(try required(arguments, 0, interpreter).utf8)
        guard let (part, start) = try part(text, arguments, interpreter) else {
            if name == "count" { return .int(0) }
            if name.hasSuffix("index") { throw interpreter.failure("ValueError", "substring not found") }
            return .int(-1)
        }
        let bytes = Array(part.utf8)
        if wanted.isEmpty {
            let length = part.unicodeScalars.count
            return .int(name == "count" ? length + 1 : name.hasPrefix("r") ? start + length : start)
        }
        var place: Int?
        if name == "count" {
            var (count, position) = (0, 0)
            while let range = TextSearch.first(of: wanted, in: bytes, from: position) {
                count += 1
                position = range.upperBound
            }
            return .int(count)
        } else if name.hasPrefix("r") {
            place = TextSearch.last(of: wanted, in: bytes, before: bytes.count)
        } else {
            place = TextSearch.first(of: wanted, in: bytes, from: 0)?.lowerBound
        }
        guard let place else {
            if name.hasSuffix("index") { throw interpreter.failure("ValueError", "substring not found") }
            return .int(-1)
        }
        return .int(start + bytes[..<place].reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) })
    }

    private static func padded(_ name: String, _ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> String
    {
        let width = try number(arguments, 0, "width", interpreter) ?? 0
        try interpreter.requireSize(width)
        try interpreter.charge(width)
        let fill = name == "zfill" ? "0" : try self.text(arguments, 1, "fillchar", interpreter) ?? " "
        guard fill.unicodeScalars.count == 1 else {
            throw interpreter.failure("TypeError", "The fill character must be exactly one character long")
        }
        let missing = max(0, width - text.unicodeScalars.count)
        let left = name == "ljust" ? 0 : name == "center" ? missing / 2 + (missing & width & 1) : missing
        let before = String(repeating: fill, count: left)
        if name == "zfill", let sign = text.unicodeScalars.first, sign == "+" || sign == "-" {
            return String(sign) + before + String(Substring(text.unicodeScalars.dropFirst()))
        }
        return before + text + String(repeating: fill, count: missing - left)
    }

    private static func translated(_ text: String, _ table: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        guard case .dictionary(let table) = table else {
            throw interpreter.operandFailure(table, "'\(table.typeName)' object is not a table of characters")
        }
        var result = ""
        for scalar in text.unicodeScalars {
            switch table[.int(Int(scalar.value))] {
            case nil: result.unicodeScalars.append(scalar)
            case .some(.none): continue
            case let value?:
                if let part = value.text {
                    result += part
                } else if let code = value.wholeNumber, let other = UInt32(exactly: code).flatMap(Unicode.Scalar.init) {
                    result.unicodeScalars.append(other)
                } else {
                    throw interpreter.failure("TypeError", "character mapping must return integer, None or str")
                }
            }
            try interpreter.requireSize(result.utf8.count)
        }
        return result
    }
}
