/// JSON as Python's `json.dumps` writes it, with the defaults that transformers sets for `tojson`.
enum JSONText {
    static func string(_ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        try Signature(["ensure_ascii", "indent", "separators", "sort_keys"]).check(arguments, "tojson", interpreter)
        var writer = Writer(interpreter: interpreter)
        writer.isASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
        switch arguments.value(1, "indent") {
        case .int(let count)?: writer.indentation = String(repeating: " ", count: min(max(0, count), 1000))
        case .bool(let flag)?: writer.indentation = flag ? " " : ""
        case .string(let text)?: writer.indentation = text
        default: break
        }
        if writer.indentation != nil { writer.itemSeparator = "," }
        if let separators = arguments.value(2, "separators"), case .none = separators {
        } else if let separators = arguments.value(2, "separators") {
            let pair = try interpreter.elements(separators)
            guard pair.count == 2 else { throw interpreter.failure("ValueError", "separators are a pair") }
            (writer.itemSeparator, writer.keySeparator) = (PythonText.string(pair[0]), PythonText.string(pair[1]))
        }
        writer.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
        try writer.write(value, level: 0)
        try interpreter.charge(writer.text.utf8.count)
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
            guard level < 300 else { throw interpreter.failure("RecursionError", "nested too deeply for JSON") }
            switch value {
            case .none: text += "null"
            case .bool(let flag): text += flag ? "true" : "false"
            case .int(let number): text += String(number)
            case .double(let number):
                text += number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : PythonText.float(number)
            case .big(let number): text += number.description
            case .string(let string), .markup(let string): write(string)
            case .list(let elements), .tuple(let elements):
                try sequence("[", "]", elements.count, level) { writer, index throws(TemplateError) in
                    try writer.write(elements[index], level: level + 1)
                }
            case .dictionary(let dictionary):
                var entries: [(key: String, value: TemplateValue)] = []
                let ordered = sortsKeys ? try SequenceFilters.sortedByKey(dictionary, interpreter) : dictionary.entries
                for entry in ordered {
                    switch entry.key {
                    case .string(let key), .markup(let key): entries.append((key, entry.value))
                    case .none: entries.append(("null", entry.value))
                    case .bool(let flag): entries.append((flag ? "true" : "false", entry.value))
                    case .int, .big, .double: entries.append((PythonText.string(entry.key), entry.value))
                    default: throw interpreter.failure("TypeError", "keys must be str, int, float, bool or None, not \(entry.key.typeName)")
                    }
                }
                try sequence("{", "}", entries.count, level) { writer, index throws(TemplateError) in
                    writer.write(entries[index].key)
                    writer.text += writer.keySeparator
                    try writer.write(entries[index].value, level: level + 1)
                }
            case .undefined, .function, .object, .range, .view, .bytes:
                throw interpreter.failure("TypeError", "Object of type \(value.typeName) is not JSON serializable")
            }
        }

        private mutating func sequence(
            _ opening: String, _ closing: String, _ count: Int, _ level: Int, _ element: (inout Writer, Int) throws(TemplateError) -> Void
        ) throws(TemplateError) {
            text += opening
            for index in 0..<count {
                if index > 0 { text += itemSeparator }
                if let indentation {
                    try interpreter.requireSize(text.utf8.count + indentation.utf8.count * (level + 1))
                    text += "\n" + String(repeating: indentation, count: level + 1)
                }
                try element(&self, index)
            }
            if count > 0, let indentation { text += "\n" + String(repeating: indentation, count: level) }
            text += closing
        }

        private mutating func write(_ string: String) {
            var bytes: [UInt8] = [UInt8(ascii: "\"")]
            bytes.reserveCapacity(string.utf8.count + 2)
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
                case 0x0A: bytes += "\\n".utf8
                case 0x0D: bytes += "\\r".utf8
                case 0x09: bytes += "\\t".utf8
                case 0x08: bytes += "\\b".utf8
                case 0x0C: bytes += "\\f".utf8
                case 0..<0x20: bytes += Self.escaped(UInt16(byte)).utf8
                default: bytes.append(byte)
                }
            }
            bytes.append(UInt8(ascii: "\""))
            let written = String(decoding: bytes, as: UTF8.self)
            guard isASCII, !written.utf8.allSatisfy({ $0 < 0x7F }) else { return text += written }
            for scalar in written.unicodeScalars {
                if scalar.value < 0x7F {
                    text.unicodeScalars.append(scalar)
                } else if scalar.value == 0x7F {
                    text.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 { text += Self.escaped(unit) }
                }
            }
        }

        private static func escaped(_ unit: UInt16) -> String {
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
    }
}
