/// Numbers out of text as Python's `int` and `float` read them.
enum NumberText {
    /// Text without white space around it and underscores between digits, with all digits as
    /// ASCII's; nil if an underscore stands elsewhere.
    private static func cleaned(_ text: String) -> String? {
        let trimmed = TextSearch.stripped(text, nil, left: true, right: true)
        var result = ""
        var previous: Unicode.Scalar = "_"
        let scalars = Array(trimmed.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if scalar == "_" {
                guard isWord(previous), index + 1 < scalars.count, isWord(scalars[index + 1]) else { return nil }
            } else if scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue {
                result += String(Int(value))
            } else {
                result.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return result
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType == .decimal || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    static func float(_ value: TemplateValue) -> Double? {
        if let number = value.number { return number }
        guard let text = value.text, let cleaned = cleaned(text)?.lowercased() else { return nil }
        var digits = Substring(cleaned)
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        switch digits {
        case "inf", "infinity": return isNegative ? -.infinity : .infinity
        case "nan": return .nan
        default:
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x65 || $0 == 0x2B || $0 == 0x2D }) else {
                return nil
            }
            // Swift wants digits on both sides of the point.
            var text = String(digits)
            if text.hasPrefix(".") { text = "0" + text }
            text = text.replacing(".e", with: ".0e")
            if text.hasSuffix(".") { text += "0" }
            return Double(text).map { isNegative ? -$0 : $0 }
        }
    }

    /// The filter `int`: whole numbers in a base, and what is left of others without their
    /// fraction.
    static func integer(_ value: TemplateValue, base: Int) -> BigInteger? {
        if let number = value.big { return number }
        if let text = value.text, let number = whole(text, base) { return number }
        return float(value).flatMap { BigInteger($0) }
    }

    private static func whole(_ text: String, _ base: Int) -> BigInteger? {
        guard base == 0 || (2...36).contains(base), var digits = cleaned(text)?.lowercased(), digits.utf8.count <= 4300 else { return nil }
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        var base = base
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) && (base == radix || base == 0) {
            digits.removeFirst(2)
            base = radix
            break
        }
        if base == 0 {
            base = 10
            if digits.hasPrefix("0"), digits.contains(where: { $0 != "0" }) { return nil }
        }
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return BigInteger(digits, radix: base).map { isNegative ? $0.negated : $0 }
    }
}
