import Glibc

/// Text as Python prints values.
enum PythonText {
    /// Bytes at which writing a value stops: more than any limit lets pass, so that the caller
    /// refuses it.
    private static let byteLimit = 65 << 20

    /// `str(value)`.
    static func string(_ value: TemplateValue) -> String {
        switch value {
        case .undefined: ""
        case .string(let text), .markup(let text): text
        default: representation(value)
        }
    }

    /// `repr(value)`.
    static func representation(_ value: TemplateValue) -> String {
        var text = ""
        write(value, to: &text, depth: 0)
        return text
    }

    private static func write(_ value: TemplateValue, to text: inout String, depth: Int) {
        // Values may hold one another many times over: their text can be far larger than they are.
        guard text.utf8.count < byteLimit else { return }
        guard depth < 512 else { return text += "..." }
        func write(_ elements: [TemplateValue], to text: inout String) {
            for (index, element) in elements.enumerated() {
                if text.utf8.count >= byteLimit { return }
                if index > 0 { text += ", " }
                Self.write(element, to: &text, depth: depth + 1)
            }
        }
        func write(_ entries: [(key: TemplateValue, value: TemplateValue)], to text: inout String) {
            text += "{"
            for (index, entry) in entries.enumerated() {
                if text.utf8.count >= byteLimit { return }
                if index > 0 { text += ", " }
                Self.write(entry.key, to: &text, depth: depth + 1)
                text += ": "
                Self.write(entry.value, to: &text, depth: depth + 1)
            }
            text += "}"
        }
        switch value {
        case .undefined: text += "Undefined"
        case .none: text += "None"
        case .bool(let flag): text += flag ? "True" : "False"
        case .int(let number): text += String(number)
        case .big(let number): text += number.description
        case .double(let number): text += float(number)
        case .string(let string): text += quoted(string)
        case .markup(let string): text += "Markup(" + quoted(string) + ")"
        case .bytes(let bytes): text += PythonBytes.representation(bytes)
        case .list(let elements):
            text += "["
            write(elements, to: &text)
            text += "]"
        case .tuple(let elements):
            text += "("
            write(elements, to: &text)
            text += elements.count == 1 ? ",)" : ")"
        case .dictionary(let dictionary): write(dictionary.entries, to: &text)
        case .range(let range): text += "range(\(range.start), \(range.stop)" + (range.step == 1 ? ")" : ", \(range.step))")
        case .view(let view):
            if view.kind.isGenerator { return text += "<generator object \(view.kind.rawValue)>" }
            text += view.kind.rawValue + "(["
            write(view.elements, to: &text)
            text += "])"
        case .function(let function): text += "<function \(function.name)>"
        case .object(let object):
            switch object.kindName {
            case "Namespace":
                text += "<Namespace "
                let names = object.attributes.keys.sorted { (object.order[$0] ?? 0) < (object.order[$1] ?? 0) }
                write(names.map { (key: .string($0), value: object.attributes[$0] ?? .none) }, to: &text)
                text += ">"
            case "LoopContext":
                let (index, length) = (object.attributes["index"] ?? .none, object.attributes["length"] ?? .none)
                text += "<LoopContext \(string(index))/\(string(length))>"
            case "TemplateReference": text += "<TemplateReference None>"
            case "Macro": text += "<Macro \(representation(object.attributes["name"] ?? .none))>"
            default: text += "<\(object.kindName)>"
            }
        }
    }

    /// The shortest digits that read back as the same number, with an exponent where Python writes
    /// one.
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
                if PythonCharacters.isPrintable(scalar) {
                    result.append(scalar)
                } else {
                    result.append(contentsOf: escaped(scalar).unicodeScalars)
                }
            }
        }
        result.append(quote)
        return String(result)
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        func padded(_ width: Int) -> String { String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits }
        return scalar.value < 0x100 ? "\\x" + padded(2) : scalar.value < 0x10000 ? "\\u" + padded(4) : "\\U" + padded(8)
    }
}
