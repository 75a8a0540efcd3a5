/// The methods of texts, lists and dictionaries that the sandbox allows; those that would change a value are refused.
enum Methods {
    static func method(_ name: String, of value: TemplateValue) -> TemplateValue? {
        func bound(_ body: @escaping @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue) -> TemplateValue {
            .function(TemplateFunction(name: name, call: body))
        }
        switch value {
        case .string(let text): return StringMethods.method(name, of: text)
        case .dictionary(let dictionary):
            switch name {
            case "items": return bound { _, _ throws(TemplateError) in .list(dictionary.entries.map { .tuple([$0.key, $0.value]) }) }
            case "keys": return bound { _, _ throws(TemplateError) in .list(dictionary.entries.map(\.key)) }
            case "values": return bound { _, _ throws(TemplateError) in .list(dictionary.entries.map(\.value)) }
            case "get":
                return bound { interpreter, arguments throws(TemplateError) in
                    guard let key = arguments.positional.first else {
                        throw interpreter.failure("TypeError", "get expected at least 1 argument, got 0")
                    }
                    return dictionary[key] ?? arguments.value(1, "default") ?? .none
                }
            case "copy": return bound { _, _ throws(TemplateError) in .dictionary(dictionary) }
            case "update", "pop", "popitem", "clear", "setdefault":
                return bound { interpreter, _ throws(TemplateError) in throw unsafe(name, "dict", interpreter) }
            default: return nil
            }
        case .list(let elements), .tuple(let elements):
            switch name {
            case "index":
                return bound { interpreter, arguments throws(TemplateError) in
                    guard let wanted = arguments.positional.first,
                        let index = elements.firstIndex(where: { TemplateValue.equal($0, wanted) })
                    else {
                        throw interpreter.failure(
                            "ValueError", "\(arguments.positional.first.map { PythonText.representation($0) } ?? "") is not in list")
                    }
                    return .int(index)
                }
            case "count":
                return bound { _, arguments throws(TemplateError) in
                    .int(
                        elements.reduce(0) { sum, element in
                            sum + (arguments.positional.first.map { TemplateValue.equal($0, element) } ?? false ? 1 : 0)
                        })
                }
            case "copy": return bound { _, _ throws(TemplateError) in .list(elements) }
            case "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse":
                guard case .list = value else { return nil }
                return bound { interpreter, _ throws(TemplateError) in throw unsafe(name, "list", interpreter) }
            default: return nil
            }
        default: return nil
        }
    }

    private static func unsafe(_ name: String, _ kind: String, _ interpreter: Interpreter) -> TemplateError {
        interpreter.failure("SecurityError", "<built-in method \(name) of \(kind) object> is not safely callable")
    }
}

enum StringMethods {
    static func method(_ name: String, of text: String) -> TemplateValue? {
        func bound(_ body: @escaping @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue) -> TemplateValue {
            .function(TemplateFunction(name: name, call: body))
        }
        @Sendable func argument(_ arguments: Arguments, _ index: Int, _ name: String, _ interpreter: Interpreter) throws(TemplateError)
            -> String?
        {
            guard let value = arguments.value(index, name) else { return nil }
            switch value {
            case .string(let text): return text
            case .none: return nil
            default: throw interpreter.operandFailure(value, "must be str, not \(value.typeName)")
            }
        }
        @Sendable func required(_ arguments: Arguments, _ index: Int, _ interpreter: Interpreter) throws(TemplateError) -> String {
            guard let text = try argument(arguments, index, "", interpreter) else {
                throw interpreter.failure("TypeError", "\(name)() needs a str argument")
            }
            return text
        }
        switch name {
        case "strip", "lstrip", "rstrip":
            return bound { interpreter, arguments throws(TemplateError) in
                .string(
                    TextSearch.stripped(
                        text, try argument(arguments, 0, "chars", interpreter), left: name != "rstrip", right: name != "lstrip"))
            }
        case "split", "rsplit":
            return bound { interpreter, arguments throws(TemplateError) in
                let limit = arguments.value(1, "maxsplit")?.wholeNumber ?? -1
                guard let separator = try argument(arguments, 0, "sep", interpreter) else {
                    return .list(TextSearch.words(text, limit: limit, fromRight: name == "rsplit").map { .string($0) })
                }
                if separator.utf8.isEmpty { throw interpreter.failure("ValueError", "empty separator") }
                return .list(TextSearch.split(text, by: separator, limit: limit, fromRight: name == "rsplit").map { .string($0) })
            }
        case "splitlines":
            return bound { _, arguments throws(TemplateError) in
                let keeps = arguments.value(0, "keepends")?.isTrue ?? false
                var lines: [TemplateValue] = []
                var line = ""
                var previousWasReturn = false
                for scalar in text.unicodeScalars {
                    let isEnd = [0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029].contains(scalar.value)
                    if scalar == "\n", previousWasReturn {
                        if keeps, case .string(let last)? = lines.last { lines[lines.count - 1] = .string(last + "\n") }
                    } else if isEnd {
                        lines.append(.string(keeps ? line + String(scalar) : line))
                        line = ""
                    } else {
                        line.unicodeScalars.append(scalar)
                    }
                    previousWasReturn = scalar == "\r"
                }
                if !line.isEmpty { lines.append(.string(line)) }
                return .list(lines)
            }
        case "startswith", "endswith":
            return bound { interpreter, arguments throws(TemplateError) in
                var options: [TemplateValue] = []
                switch arguments.positional.first {
                case .tuple(let elements)?: options = elements
                case .string(let option)?: options = [.string(option)]
                case let other:
                    throw interpreter.operandFailure(
                        other ?? .none, "\(name) first arg must be str or a tuple of str, not \(other?.typeName ?? "nothing")")
                }
                let bytes = Array(text.utf8)
                return .bool(
                    options.contains { option in
                        guard case .string(let wanted) = option else { return false }
                        return name == "startswith"
                            ? bytes.starts(with: wanted.utf8) : bytes.suffix(wanted.utf8.count).elementsEqual(wanted.utf8)
                    })
            }
        case "upper": return bound { _, _ throws(TemplateError) in .string(TextSearch.uppercased(text)) }
        case "lower", "casefold": return bound { _, _ throws(TemplateError) in .string(TextSearch.lowercased(text)) }
        case "title": return bound { _, _ throws(TemplateError) in .string(TextSearch.titled(text)) }
        case "capitalize": return bound { _, _ throws(TemplateError) in .string(TextSearch.capitalized(text)) }
        case "swapcase":
            return bound { _, _ throws(TemplateError) in
                .string(
                    text.unicodeScalars.map { $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping }
                        .joined())
            }
        case "replace":
            return bound { interpreter, arguments throws(TemplateError) in
                let limit = arguments.value(2, "count")?.wholeNumber ?? -1
                return .string(
                    try TextSearch.replaced(
                        text, try required(arguments, 0, interpreter), try required(arguments, 1, interpreter), limit: limit, interpreter))
            }
        case "join":
            return bound { interpreter, arguments throws(TemplateError) in
                var parts: [String] = []
                var size = 0
                for (index, element) in try interpreter.iterate(arguments.positional.first ?? .none).enumerated() {
                    guard case .string(let part) = element else {
                        throw interpreter.operandFailure(
                            element, "sequence item \(index): expected str instance, \(element.typeName) found")
                    }
                    size += part.utf8.count + text.utf8.count
                    try interpreter.requireSize(size)
                    parts.append(part)
                }
                return .string(parts.joined(separator: text))
            }
        case "find", "rfind", "index", "rindex", "count":
            return bound { interpreter, arguments throws(TemplateError) in
                let wanted = try required(arguments, 0, interpreter)
                let scalars = Array(text.unicodeScalars)
                let start = min(scalars.count, max(0, arguments.value(1, "start")?.wholeNumber ?? 0))
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars[start...])
                let rest = String(view)
                let bytes = Array(rest.utf8)
                var found: [Int] = []
                var position = 0
                while let range = TextSearch.first(of: Array(wanted.utf8), in: bytes, from: position) {
                    found.append(range.lowerBound)
                    position = range.isEmpty ? range.upperBound + 1 : range.upperBound
                }
                if name == "count" { return .int(found.count) }
                guard let place = name.hasPrefix("r") ? found.last : found.first else {
                    if name.hasSuffix("index") { throw interpreter.failure("ValueError", "substring not found") }
                    return .int(-1)
                }
                return .int(start + String(decoding: bytes[..<place], as: UTF8.self).unicodeScalars.count)
            }
        case "format":
            return bound { interpreter, arguments throws(TemplateError) in .string(try BraceFormat.apply(text, arguments, interpreter)) }
        case "center", "ljust", "rjust", "zfill":
            return bound { interpreter, arguments throws(TemplateError) in
                let width = arguments.value(0, "width")?.wholeNumber ?? 0
                try interpreter.requireSize(width)
                let fill = name == "zfill" ? "0" : try argument(arguments, 1, "fillchar", interpreter) ?? " "
                let missing = max(0, width - text.unicodeScalars.count)
                let left = name == "ljust" ? 0 : name == "center" ? missing / 2 + (missing & width & 1) : missing
                return .string(String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left))
            }
        case "removeprefix", "removesuffix":
            return bound { interpreter, arguments throws(TemplateError) in
                let part = Array(try required(arguments, 0, interpreter).utf8)
                let bytes = Array(text.utf8)
                if name == "removeprefix" {
                    return .string(bytes.starts(with: part) ? String(decoding: bytes.dropFirst(part.count), as: UTF8.self) : text)
                }
                return .string(
                    bytes.suffix(part.count).elementsEqual(part) ? String(decoding: bytes.dropLast(part.count), as: UTF8.self) : text)
            }
        case "partition", "rpartition":
            return bound { interpreter, arguments throws(TemplateError) in
                let separator = try required(arguments, 0, interpreter)
                if separator.utf8.isEmpty { throw interpreter.failure("ValueError", "empty separator") }
                let parts = TextSearch.split(text, by: separator, limit: 1, fromRight: name == "rpartition")
                if parts.count == 2 { return .tuple([.string(parts[0]), .string(separator), .string(parts[1])]) }
                return .tuple(name == "partition" ? [.string(text), .string(""), .string("")] : [.string(""), .string(""), .string(text)])
            }
        case "isdigit", "isdecimal", "isnumeric": return predicate(name, text) { $0.properties.numericType != nil }
        case "isalpha": return predicate(name, text) { $0.properties.isAlphabetic }
        case "isalnum": return predicate(name, text) { $0.properties.isAlphabetic || $0.properties.numericType != nil }
        case "isspace": return predicate(name, text) { $0.properties.isWhitespace }
        case "isupper": return bound { _, _ throws(TemplateError) in .bool(Tests.isCase(text, upper: true)) }
        case "islower": return bound { _, _ throws(TemplateError) in .bool(Tests.isCase(text, upper: false)) }
        default: return nil
        }
    }

    private static func predicate(_ name: String, _ text: String, _ holds: @escaping @Sendable (Unicode.Scalar) -> Bool) -> TemplateValue {
        .function(
            TemplateFunction(name: name) { _, _ throws(TemplateError) in .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(holds)) })
    }
}

/// `'{}:{name}'.format(...)`, with the simple format specifications.
enum BraceFormat {
    static func apply(_ format: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        var result = ""
        var scalars = Substring(format).unicodeScalars
        var next = 0
        while let scalar = scalars.popFirst() {
            if scalar == "{" || scalar == "}" {
                if scalars.first == scalar {
                    result.unicodeScalars.append(scalars.removeFirst())
                    continue
                }
                guard scalar == "{" else { throw interpreter.failure("ValueError", "Single '}' encountered in format string") }
                var field = ""
                var isClosed = false
                while let inner = scalars.popFirst() {
                    if inner == "}" {
                        isClosed = true
                        break
                    }
                    field.unicodeScalars.append(inner)
                }
                guard isClosed else { throw interpreter.failure("ValueError", "expected '}' before end of string") }
                let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                let name = parts.first ?? ""
                let value: TemplateValue?
                if name.isEmpty {
                    value = next < arguments.positional.count ? arguments.positional[next] : nil
                    next += 1
                } else if let index = Int(name) {
                    value = index >= 0 && index < arguments.positional.count ? arguments.positional[index] : nil
                } else {
                    value = arguments.named.first { $0.name == name }?.value
                }
                guard let value else {
                    throw interpreter.failure("IndexError", "Replacement index \(name) out of range for positional args tuple")
                }
                result += try text(value, parts.count > 1 ? parts[1] : "", interpreter)
                try interpreter.requireSize(result.utf8.count)
                continue
            }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    private static func text(_ value: TemplateValue, _ specification: String, _ interpreter: Interpreter) throws(TemplateError) -> String {
        if specification.isEmpty { return PythonText.string(value) }
        if specification.hasPrefix("."), specification.hasSuffix("f"), let digits = Int(specification.dropFirst().dropLast()),
            let number = value.number
        {
            return FloatFormat.fixed(number, digits: min(digits, 100))
        }
        if let width = Int(specification), width >= 0 {
            try interpreter.requireSize(width)
            let text = PythonText.string(value)
            let fill = String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
            if specification.hasPrefix("0"), value.number != nil {
                return String(repeating: "0", count: max(0, width - text.unicodeScalars.count)) + text
            }
            return value.number != nil ? fill + text : text + fill
        }
        throw interpreter.failure("ValueError", "Invalid format specifier '\(specification)'")
    }
}
