import Glibc

/// Text as Python prints values.
enum PythonText {
    /// `str(value)`.
    static func string(_ value: TemplateValue) -> String {
        switch value {
        case .undefined: ""
        case .string(let text): text
        default: representation(value, depth: 0)
        }
    }

    /// `repr(value)`.
    static func representation(_ value: TemplateValue, depth: Int = 0) -> String {
        guard depth < 64 else { return "..." }
        switch value {
        case .undefined: return "Undefined"
        case .none: return "None"
        case .bool(let flag): return flag ? "True" : "False"
        case .int(let number): return String(number)
        case .double(let number): return float(number)
        case .string(let text): return quoted(text)
        case .list(let elements): return "[" + elements.map { representation($0, depth: depth + 1) }.joined(separator: ", ") + "]"
        case .tuple(let elements):
            let inner = elements.map { representation($0, depth: depth + 1) }.joined(separator: ", ")
            return "(" + inner + (elements.count == 1 ? ",)" : ")")
        case .dictionary(let dictionary):
            let inner = dictionary.entries.map {
                representation($0.key, depth: depth + 1) + ": " + representation($0.value, depth: depth + 1)
            }
            return "{" + inner.joined(separator: ", ") + "}"
        case .function(let function): return "<function \(function.name)>"
        case .object(let object): return "<\(object.kindName)>"
        }
    }

    /// The shortest digits that read back as the same number, with an exponent where Python writes one.
    static func float(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        if number == 0 { return number.sign == .minus ? "-0.0" : "0.0" }
        let magnitude = abs(number)
        var digits = "\(magnitude)"
        var exponent = 0
        if let mark = digits.firstIndex(of: "e") {
            exponent = Int(digits[digits.index(after: mark)...]) ?? 0
            digits = String(digits[..<mark])
        }
        // Digits and the place of the decimal point: 0.d1d2... * 10^point.
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        var whole = parts.first.map(String.init) ?? ""
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        var point = whole.utf8.count + exponent
        var all = whole + fraction
        while all.hasPrefix("0") {
            all.removeFirst()
            point -= 1
        }
        while all.hasSuffix("0") { all.removeLast() }
        let sign = number < 0 ? "-" : ""
        if point > 16 || point < -3 {
            let first = all.removeFirst()
            let power = point - 1
            let text = abs(power) < 10 ? "0\(abs(power))" : "\(abs(power))"
            return sign + String(first) + (all.isEmpty ? "" : "." + all) + "e" + (power < 0 ? "-" : "+") + text
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + all }
        if all.utf8.count <= point {
            whole = all + String(repeating: "0", count: point - all.utf8.count)
            return sign + whole + ".0"
        }
        return sign + all.prefix(point) + "." + all.dropFirst(point)
    }

    /// A string literal, in single quotes unless it holds some and no double ones.
    static func quoted(_ text: String) -> String {
        let usesDouble = text.utf8.contains(UInt8(ascii: "'")) && !text.utf8.contains(UInt8(ascii: "\""))
        let quote: Unicode.Scalar = usesDouble ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            case quote:
                result.append("\\")
                result.append(scalar)
            default:
                if isPrintable(scalar) { result.append(scalar) } else { result.append(contentsOf: escaped(scalar).unicodeScalars) }
            }
        }
        result.append(quote)
        return String(result)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value >= 0x20, scalar.value < 0x7F { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
        default: return true
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        func padded(_ width: Int) -> String { String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits }
        return scalar.value < 0x100 ? "\\x" + padded(2) : scalar.value < 0x10000 ? "\\u" + padded(4) : "\\U" + padded(8)
    }
}
