/// Python's format specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`,
/// for `str.format` and, in parts, for `%`.
struct FormatSpecification {
    var fill: Unicode.Scalar = " "
    /// `<`, `>`, `^` or `=`; nil leaves it to the value.
    var alignment: Unicode.Scalar?
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var kind: Unicode.Scalar?

    init() {}

    /// - Returns: nil for text that is not a specification.
    init?(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        let alignments: Set<Unicode.Scalar> = ["<", ">", "^", "="]
        if rest.count >= 2, alignments.contains(rest[rest.startIndex + 1]) {
            fill = rest.removeFirst()
            alignment = rest.removeFirst()
        } else if let first = rest.first, alignments.contains(first) {
            alignment = rest.removeFirst()
        }
        if let first = rest.first, ["+", "-", " "].contains(first) { sign = rest.removeFirst() }
        if rest.first == "#" {
            isAlternate = true
            rest.removeFirst()
        }
        if rest.first == "0" {
            rest.removeFirst()
            if alignment == nil { (fill, alignment) = ("0", "=") }
        }
        func number() -> Int? {
            var value: Int?
            while let digit = rest.first, ("0"..."9").contains(digit) {
                value = min((value ?? 0) * 10 + Int(digit.value - 0x30), 1 << 40)
                rest.removeFirst()
            }
            return value
        }
        width = number() ?? 0
        if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
        if rest.first == "." {
            rest.removeFirst()
            guard let digits = number() else { return nil }
            precision = digits
        }
        kind = rest.popFirst()
        if !rest.isEmpty { return nil }
    }

    /// The text of a value.
    func text(_ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        try interpreter.requireSize(width)
        try interpreter.requireSize(precision ?? 0)
        switch value {
        case .string(let text), .markup(let text):
            guard kind == nil || kind == "s" else { throw unknown(value, interpreter) }
            guard alignment != "=" || fill == "0" else {
                throw interpreter.failure("ValueError", "'=' alignment not allowed in string format specifier")
            }
            let shown = precision.map { String(String.UnicodeScalarView(text.unicodeScalars.prefix($0))) } ?? text
            return padded("", shown, alignment == "=" || alignment == nil ? "<" : nil)
        case .bool where kind == nil || kind == "s":
            let shown = PythonText.string(value)
            return kind == nil && (width > 0 || alignment != nil || sign != "-") ? try number(value, interpreter) : padded("", shown, "<")
        case .bool, .int, .big, .double: return try number(value, interpreter)
        default:
            guard self.isPlain else {
                throw interpreter.failure("TypeError", "unsupported format string passed to \(value.typeName).__format__")
            }
            return PythonText.string(value)
        }
    }

    private var isPlain: Bool {
        width == 0 && precision == nil && kind == nil && alignment == nil && sign == "-" && grouping == nil && !isAlternate
    }

    private func unknown(_ value: TemplateValue, _ interpreter: Interpreter) -> TemplateError {
        interpreter.failure(
            "ValueError", "Unknown format code '\(kind.map { String($0) } ?? "")' for object of type '\(value.typeName)'")
    }

    private func number(_ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        let isWhole = value.wholeNumber != nil || value.isBig
        switch kind {
        case nil where isWhole, "d", "n", "b", "o", "x", "X", "c":
            guard let whole = value.big else { throw unknown(value, interpreter) }
            guard precision == nil else { throw interpreter.failure("ValueError", "Precision not allowed in integer format specifier") }
            if kind == "c" {
                guard let code = whole.small, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                    throw interpreter.failure("OverflowError", "%c arg not in range(0x110000)")
                }
                return padded("", String(scalar), "<")
            }
            let radix = kind == "b" ? 2 : kind == "o" ? 8 : kind == "x" || kind == "X" ? 16 : 10
            let prefix = isAlternate && radix != 10 ? "0" + String(kind ?? "x") : ""
            let digits = whole.magnitude.text(radix: radix, uppercase: kind == "X")
            return padded(mark(whole.isNegative) + prefix, grouped(digits, radix == 10 ? 3 : 4), ">")
        case nil, "e", "E", "f", "F", "g", "G", "%":
            guard let number = value.number else { throw unknown(value, interpreter) }
            let isNegative = number.sign == .minus && !number.isNaN
            let magnitude = isNegative ? -number : number
            var text: String
            if kind == nil, precision == nil {
                text = PythonText.float(magnitude)
            } else if kind == nil {
                text = FloatFormat.general(magnitude, digits: precision ?? 6, keepsPoint: true)
            } else {
                text = FloatFormat.text(magnitude, kind ?? "f", digits: precision ?? 6, isAlternate: isAlternate)
            }
            if let grouping, grouping == "," || grouping == "_" {
                let whole = text.prefix { ("0"..."9").contains($0) }
                text = grouped(String(whole), 3) + text.dropFirst(whole.count)
            }
            return padded(mark(isNegative), text, ">")
        default: throw unknown(value, interpreter)
        }
    }

    private func mark(_ isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

    private func grouped(_ digits: String, _ size: Int) -> String {
        guard let grouping else { return digits }
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % size == 0 { result.unicodeScalars.append(grouping) }
            result.append(digit)
        }
        return result
    }

    private func padded(_ sign: String, _ text: String, _ standard: Unicode.Scalar?) -> String {
        let missing = width - sign.unicodeScalars.count - text.unicodeScalars.count
        guard missing > 0 else { return sign + text }
        func run(_ count: Int) -> String { String(repeating: String(fill), count: count) }
        switch alignment == "=" && standard == "<" ? "<" : alignment ?? standard ?? "<" {
        case "<": return sign + text + run(missing)
        case "^": return run(missing / 2) + sign + text + run(missing - missing / 2)
        case "=": return sign + run(missing) + text
        default: return run(missing) + sign + text
        }
    }
}
