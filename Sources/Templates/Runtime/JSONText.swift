/// JSON as Python's `json.dumps` writes it, with the defaults that transformers sets for `tojson`.
enum JSONText {
    static func string(_ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        var writer = Writer(interpreter: interpreter)
        writer.isASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
        switch arguments.value(1, "indent") {
        case .int(let count)?: writer.indentation = String(repeating: " ", count: min(max(0, count), 1000))
        case .string(let text)?: writer.indentation = text
        default: break
        }
        if writer.indentation != nil { writer.itemSeparator = "," }
        if let separators = arguments.value(2, "separators"), case .none = separators {
        } else if let separators = arguments.value(2, "separators") {
            let pair = try interpreter.iterate(separators)
            guard pair.count == 2 else { throw interpreter.failure("ValueError", "separators are a pair") }
            (writer.itemSeparator, writer.keySeparator) = (PythonText.string(pair[0]), PythonText.string(pair[1]))
        }
        writer.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
        try writer.write(value, level: 0)
        return writer.text
    }

    private struct Writer {
        let interpreter: Interpreter
        var text = ""
        var isASCII = false
        var indentation: String?
        var itemSeparator = ", "
        var keySeparator = ": "
        var sortsKeys = false

        init(interpreter: Interpreter) { self.interpreter = interpreter }

        mutating func write(_ value: TemplateValue, level: Int) throws(TemplateError) {
            try interpreter.step()
            try interpreter.requireSize(text.utf8.count)
            guard level < 64 else { throw interpreter.failure("RecursionError", "nested too deeply for JSON") }
            switch value {
            case .none: text += "null"
            case .bool(let flag): text += flag ? "true" : "false"
            case .int(let number): text += String(number)
            case .double(let number):
                text += number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : PythonText.float(number)
            case .string(let string): write(string)
            case .list(let elements), .tuple(let elements):
                try sequence("[", "]", elements.count, level) { writer, index throws(TemplateError) in
                    try writer.write(elements[index], level: level + 1)
                }
            case .dictionary(let dictionary):
                var entries: [(key: String, value: TemplateValue)] = []
                for entry in dictionary.entries {
                    switch entry.key {
                    case .string(let key): entries.append((key, entry.value))
                    case .none: entries.append(("null", entry.value))
                    case .bool(let flag): entries.append((flag ? "true" : "false", entry.value))
                    case .int, .double: entries.append((PythonText.string(entry.key), entry.value))
                    default: throw interpreter.failure("TypeError", "keys must be str, int, float, bool or None, not \(entry.key.typeName)")
                    }
                }
                if sortsKeys { entries.sort { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) } }
                try sequence("{", "}", entries.count, level) { writer, index throws(TemplateError) in
                    writer.write(entries[index].key)
                    writer.text += writer.keySeparator
                    try writer.write(entries[index].value, level: level + 1)
                }
            case .undefined, .function, .object:
                throw interpreter.failure("TypeError", "Object of type \(value.typeName) is not JSON serializable")
            }
        }

        private mutating func sequence(
            _ opening: String, _ closing: String, _ count: Int, _ level: Int, _ element: (inout Writer, Int) throws(TemplateError) -> Void
        ) throws(TemplateError) {
            text += opening
            for index in 0..<count {
                if index > 0 { text += itemSeparator }
                if let indentation { text += "\n" + String(repeating: indentation, count: level + 1) }
                try element(&self, index)
            }
            if count > 0, let indentation { text += "\n" + String(repeating: indentation, count: level) }
            text += closing
        }

        private mutating func write(_ string: String) {
            text += "\""
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\n": text += "\\n"
                case "\r": text += "\\r"
                case "\t": text += "\\t"
                case "\u{08}": text += "\\b"
                case "\u{0C}": text += "\\f"
                default:
                    if scalar.value < 0x20 || (isASCII && scalar.value > 0x7E) {
                        for unit in String(scalar).utf16 {
                            let digits = String(unit, radix: 16)
                            text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                        }
                    } else {
                        text.unicodeScalars.append(scalar)
                    }
                }
            }
            text += "\""
        }
    }
}
