import Glibc

/// Python's operators.
enum Arithmetic {
    static func apply(_ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        if operation == "%", case .string(let format) = left { return .string(try PercentFormat.apply(format, right, interpreter)) }
        if let result = try sequences(operation, left, right, interpreter) { return result }
        if let a = left.wholeNumber, let b = right.wholeNumber { return try whole(operation, a, b, interpreter) }
        if let a = left.number, let b = right.number { return try real(operation, a, b, interpreter) }
        for value in [left, right] { if case .undefined(let what) = value { throw interpreter.failure("UndefinedError", what) } }
        if operation == "+", case .string = left {
            throw interpreter.failure("TypeError", "can only concatenate str (not \"\(right.typeName)\") to str")
        }
        if operation == "+", case .list = left {
            throw interpreter.failure("TypeError", "can only concatenate list (not \"\(right.typeName)\") to list")
        }
        let symbol = operation == "**" ? "** or pow()" : operation
        throw interpreter.failure("TypeError", "unsupported operand type(s) for \(symbol): '\(left.typeName)' and '\(right.typeName)'")
    }

    private static func sequences(
        _ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter
    ) throws(TemplateError) -> TemplateValue? {
        switch (operation, left, right) {
        case ("+", .string(let a), .string(let b)):
            try interpreter.requireSize(a.utf8.count + b.utf8.count)
            return .string(a + b)
        case ("+", .list(let a), .list(let b)): return .list(try joined(a, b, interpreter))
        case ("+", .tuple(let a), .tuple(let b)): return .tuple(try joined(a, b, interpreter))
        case ("*", .string(let text), _), ("*", _, .string(let text)):
            guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
            if count <= 0 || text.utf8.isEmpty { return .string("") }
            let (size, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
            try interpreter.requireSize(overflow ? .max : size)
            return .string(String(repeating: text, count: count))
        case ("*", .list(let elements), _), ("*", _, .list(let elements)):
            guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
            return .list(try repeated(elements, count, interpreter))
        case ("*", .tuple(let elements), _), ("*", _, .tuple(let elements)):
            guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
            return .tuple(try repeated(elements, count, interpreter))
        default: return nil
        }
    }

    private static func joined(_ a: [TemplateValue], _ b: [TemplateValue], _ interpreter: Interpreter) throws(TemplateError)
        -> [TemplateValue]
    {
        try interpreter.requireSize((a.count + b.count) * 16)
        return a + b
    }

    private static func repeated(_ elements: [TemplateValue], _ count: Int, _ interpreter: Interpreter) throws(TemplateError)
        -> [TemplateValue]
    {
        if count <= 0 || elements.isEmpty { return [] }
        let (size, overflow) = elements.count.multipliedReportingOverflow(by: count)
        try interpreter.requireSize(overflow || size > .max / 16 ? .max : size * 16)
        return Array(repeatElement(elements, count: count).joined())
    }

    private static func whole(_ operation: String, _ a: Int, _ b: Int, _ interpreter: Interpreter) throws(TemplateError) -> TemplateValue {
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> TemplateValue {
            if result.overflow { throw interpreter.failure("OverflowError", "a whole number of more than 64 bits") }
            return .int(result.partialValue)
        }
        switch operation {
        case "+": return try checked(a.addingReportingOverflow(b))
        case "-": return try checked(a.subtractingReportingOverflow(b))
        case "*": return try checked(a.multipliedReportingOverflow(by: b))
        case "/":
            guard b != 0 else { throw interpreter.failure("ZeroDivisionError", "division by zero") }
            return .double(Double(a) / Double(b))
        case "//", "%":
            guard b != 0 else {
                throw interpreter.failure(
                    "ZeroDivisionError", operation == "%" ? "integer modulo by zero" : "integer division or modulo by zero")
            }
            if b == -1 { return operation == "%" ? .int(0) : try checked(a.multipliedReportingOverflow(by: -1)) }
            let remainder = a % b
            let isShifted = remainder != 0 && (remainder < 0) != (b < 0)
            return .int(operation == "%" ? (isShifted ? remainder + b : remainder) : a / b - (isShifted ? 1 : 0))
        default:
            if b < 0 { return try real("**", Double(a), Double(b), interpreter) }
            var result = 1
            for _ in 0..<min(b, 4096) {
                let (product, overflow) = result.multipliedReportingOverflow(by: a)
                if overflow { throw interpreter.failure("OverflowError", "a whole number of more than 64 bits") }
                result = product
                if result == 0 || (result == 1 && a == 1) { break }
            }
            if b > 4096, a == -1 { return .int(b % 2 == 0 ? 1 : -1) }
            return .int(result)
        }
    }

    private static func real(_ operation: String, _ a: Double, _ b: Double, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        switch operation {
        case "+": return .double(a + b)
        case "-": return .double(a - b)
        case "*": return .double(a * b)
        case "**": return .double(pow(a, b))
        default: break
        }
        guard b != 0 else {
            throw interpreter.failure("ZeroDivisionError", operation == "/" ? "division by zero" : "float floor division by zero")
        }
        if operation == "/" { return .double(a / b) }
        if operation == "//" { return .double((a / b).rounded(.down)) }
        let remainder = fmod(a, b)
        return .double(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder)
    }

    static func compare(_ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter)
        throws(TemplateError) -> Bool
    {
        switch operation {
        case "==": return TemplateValue.equal(left, right)
        case "!=": return !TemplateValue.equal(left, right)
        case "in": return try contains(right, left, interpreter)
        case "not in": return !(try contains(right, left, interpreter))
        default:
            guard let order = try order(left, right, interpreter, operation) else { return false }
            switch operation {
            case "<": return order < 0
            case ">": return order > 0
            case "<=": return order <= 0
            default: return order >= 0
            }
        }
    }

    private static func contains(_ container: TemplateValue, _ element: TemplateValue, _ interpreter: Interpreter) throws(TemplateError)
        -> Bool
    {
        switch container {
        case .string(let text):
            guard case .string(let part) = element else {
                throw interpreter.operandFailure(element, "'in <string>' requires string as left operand, not \(element.typeName)")
            }
            return TextSearch.first(of: part, in: text) != nil
        case .list(let elements), .tuple(let elements): return elements.contains { TemplateValue.equal($0, element) }
        case .dictionary(let dictionary): return dictionary[element] != nil
        case .undefined: return false
        default: throw interpreter.failure("TypeError", "argument of type '\(container.typeName)' is not iterable")
        }
    }

    /// Negative, zero or positive as `left` is before, equal to or after `right`; nil for a NaN.
    static func order(_ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter, _ operation: String = "<")
        throws(TemplateError) -> Int?
    {
        if let a = left.wholeNumber, let b = right.wholeNumber { return a < b ? -1 : a > b ? 1 : 0 }
        if let a = left.number, let b = right.number { return a < b ? -1 : a > b ? 1 : a == b ? 0 : nil }
        switch (left, right) {
        case (.string(let a), .string(let b)):
            if a.unicodeScalars.elementsEqual(b.unicodeScalars) { return 0 }
            return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars) ? -1 : 1
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a, b) where !TemplateValue.equal(x, y) { return try order(x, y, interpreter, operation) }
            return a.count - b.count
        default: break
        }
        for value in [left, right] { if case .undefined(let what) = value { throw interpreter.failure("UndefinedError", what) } }
        throw interpreter.failure(
            "TypeError", "'\(operation)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
    }
}

/// Searching text by its scalars.
enum TextSearch {
    /// The byte range of the first occurrence at or after `start`.
    static func first(of part: String, in text: String, from start: Int = 0) -> Range<Int>? {
        let (wanted, bytes) = (Array(part.utf8), Array(text.utf8))
        return first(of: wanted, in: bytes, from: start)
    }

    static func first(of wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Range<Int>? {
        if wanted.isEmpty { return start <= bytes.count ? start..<start : nil }
        guard bytes.count >= wanted.count else { return nil }
        var index = start
        while index + wanted.count <= bytes.count {
            if bytes[index] == wanted[0] {
                var length = 1
                while length < wanted.count, bytes[index + length] == wanted[length] { length += 1 }
                if length == wanted.count { return index..<(index + length) }
            }
            index += 1
        }
        return nil
    }

    /// The parts of a text between occurrences of a separator, from the left or the right, at most `limit` cuts (negative: all).
    static func split(_ text: String, by separator: String, limit: Int, fromRight: Bool) -> [String] {
        let (wanted, bytes) = (Array(separator.utf8), Array(text.utf8))
        var cuts: [Range<Int>] = []
        if fromRight {
            var end = bytes.count
            while limit < 0 || cuts.count < limit {
                var found: Range<Int>?
                var index = end - wanted.count
                while index >= 0 {
                    if Array(bytes[index..<(index + wanted.count)]) == wanted {
                        found = index..<(index + wanted.count)
                        break
                    }
                    index -= 1
                }
                guard let found else { break }
                cuts.insert(found, at: 0)
                end = found.lowerBound
            }
        } else {
            var start = 0
            while limit < 0 || cuts.count < limit, let found = first(of: wanted, in: bytes, from: start) {
                cuts.append(found)
                start = found.upperBound
            }
        }
        var parts: [String] = []
        var start = 0
        for cut in cuts {
            parts.append(String(decoding: bytes[start..<cut.lowerBound], as: UTF8.self))
            start = cut.upperBound
        }
        parts.append(String(decoding: bytes[start...], as: UTF8.self))
        return parts
    }

    /// Python's white space splitting.
    static func words(_ text: String, limit: Int, fromRight: Bool) -> [String] {
        let scalars = Array(text.unicodeScalars)
        func make(_ range: Range<Int>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[range])
            return String(view)
        }
        var ranges: [Range<Int>] = []
        var index = 0
        while index < scalars.count {
            while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 }
            let start = index
            while index < scalars.count, !scalars[index].properties.isWhitespace { index += 1 }
            if start < index { ranges.append(start..<index) }
        }
        guard limit >= 0, ranges.count > limit + 1 else { return ranges.map(make) }
        if fromRight {
            let kept = ranges.suffix(limit)
            let rest = ranges[0].lowerBound..<ranges[ranges.count - limit - 1].upperBound
            return [make(rest)] + kept.map(make)
        }
        var end = scalars.count
        while end > 0, scalars[end - 1].properties.isWhitespace { end -= 1 }
        _ = end
        return ranges.prefix(limit).map(make) + [make(ranges[limit].lowerBound..<scalars.count)]
    }

    static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
        let members = characters.map { Set($0.unicodeScalars) }
        func goes(_ scalar: Unicode.Scalar) -> Bool { members.map { $0.contains(scalar) } ?? scalar.properties.isWhitespace }
        var view = Substring(text).unicodeScalars
        if left { while let first = view.first, goes(first) { view.removeFirst() } }
        if right { while let last = view.last, goes(last) { view.removeLast() } }
        return String(Substring(view))
    }

    static func replaced(_ text: String, _ old: String, _ new: String, limit: Int, _ interpreter: Interpreter) throws(TemplateError)
        -> String
    {
        if old.utf8.isEmpty {
            let pieces = text.unicodeScalars.map { String($0) }
            let count = limit < 0 ? pieces.count + 1 : min(limit, pieces.count + 1)
            try interpreter.requireSize(text.utf8.count + count * new.utf8.count)
            var result = ""
            for (index, piece) in pieces.enumerated() { result += (index < count ? new : "") + piece }
            return count > pieces.count ? result + new : result
        }
        let parts = split(text, by: old, limit: limit, fromRight: false)
        try interpreter.requireSize(text.utf8.count + parts.count * new.utf8.count)
        return parts.joined(separator: new)
    }

    /// Upper case for the first letter of each word, lower case for the others, as `str.title`.
    static func titled(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            let isLetter = scalar.properties.isCased
            result += isLetter ? (isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping) : String(scalar)
            isInWord = isLetter
        }
        return result
    }

    static func uppercased(_ text: String) -> String { text.unicodeScalars.map(\.properties.uppercaseMapping).joined() }
    static func lowercased(_ text: String) -> String { text.unicodeScalars.map(\.properties.lowercaseMapping).joined() }
    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + lowercased(String(text.unicodeScalars.dropFirst()))
    }
}

/// `'%s=%d' % values`.
enum PercentFormat {
    static func apply(_ format: String, _ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        var values: [TemplateValue] = if case .tuple(let elements) = value { elements } else { [value] }
        var result = ""
        var scalars = Substring(format).unicodeScalars
        var usesNames = false
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            var named: TemplateValue?
            if scalars.first == "(" {
                scalars.removeFirst()
                var name = ""
                while let next = scalars.popFirst(), next != ")" { name.unicodeScalars.append(next) }
                guard case .dictionary(let dictionary) = value else { throw interpreter.failure("TypeError", "format requires a mapping") }
                guard let found = dictionary[.string(name)] else { throw interpreter.failure("KeyError", PythonText.quoted(name)) }
                named = found
                usesNames = true
            }
            var (flags, width, precision) = ("", "", "")
            while let next = scalars.first, "-+ #0".unicodeScalars.contains(next) { flags.unicodeScalars.append(scalars.removeFirst()) }
            while let next = scalars.first, (0x30...0x39).contains(next.value) { width.unicodeScalars.append(scalars.removeFirst()) }
            if scalars.first == "." {
                scalars.removeFirst()
                while let next = scalars.first, (0x30...0x39).contains(next.value) {
                    precision.unicodeScalars.append(scalars.removeFirst())
                }
            }
            guard let kind = scalars.popFirst() else { throw interpreter.failure("ValueError", "incomplete format") }
            if kind == "%" {
                result += "%"
                continue
            }
            let argument: TemplateValue
            if let named {
                argument = named
            } else {
                guard !values.isEmpty else { throw interpreter.failure("TypeError", "not enough arguments for format string") }
                argument = values.removeFirst()
            }
            let size = Int(width) ?? 0
            try interpreter.requireSize(result.utf8.count + size)
            var text: String
            switch kind {
            case "s":
                text = PythonText.string(argument)
                if let limit = Int(precision) { text = String(text.unicodeScalars.prefix(limit)) }
            case "r": text = PythonText.representation(argument)
            case "d", "i":
                guard let number = argument.number, number.magnitude < 9e18 else {
                    throw interpreter.operandFailure(argument, "%\(kind) format: a real number is required, not \(argument.typeName)")
                }
                text = argument.wholeNumber.map { String($0) } ?? String(Int(number))
            case "f", "F":
                guard let number = argument.number else {
                    throw interpreter.operandFailure(argument, "must be real number, not \(argument.typeName)")
                }
                text = FloatFormat.fixed(number, digits: min(Int(precision) ?? 6, 100))
            case "x", "X":
                guard let number = argument.wholeNumber else {
                    throw interpreter.operandFailure(argument, "%x format: an integer is required, not \(argument.typeName)")
                }
                text = String(number, radix: 16, uppercase: kind == "X")
            default: throw interpreter.failure("ValueError", "unsupported format character '\(kind)'")
            }
            if flags.contains("+"), kind != "s", !text.hasPrefix("-") { text = "+" + text }
            let missing = size - text.unicodeScalars.count
            if missing > 0 {
                if flags.contains("-") {
                    text += String(repeating: " ", count: missing)
                } else if flags.contains("0"), kind != "s" {
                    let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
                    text =
                        (hasSign ? String(text.prefix(1)) : "") + String(repeating: "0", count: missing)
                        + (hasSign ? String(text.dropFirst()) : text)
                } else {
                    text = String(repeating: " ", count: missing) + text
                }
            }
            result += text
        }
        if !values.isEmpty, !usesNames, case .tuple = value {
            throw interpreter.failure("TypeError", "not all arguments converted during string formatting")
        }
        return result
    }
}

/// Numbers with a fixed count of digits behind the point.
enum FloatFormat {
    static func fixed(_ number: Double, digits: Int) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            let count = withVaList([Int32(truncatingIfNeeded: digits), number]) { vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0) }
            return String(decoding: buffer.prefix(max(0, min(Int(count), 511))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
