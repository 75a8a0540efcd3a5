import Glibc

/// Python's operators.
enum Arithmetic {
    /// Bits that a whole number may have: those of the 4300 digits that Python prints.
    private static let bitLimit = 14_285

    static func apply(_ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        if operation == "%", case .string(let format) = left { return .string(try PercentFormat.apply(format, right, interpreter)) }
        if operation == "%", case .markup(let format) = left {
            let values: TemplateValue = if case .tuple(let elements) = right { .tuple(elements.map(escaped)) } else { escaped(right) }
            return .markup(try PercentFormat.apply(format, values, interpreter))
        }
        if let result = try sequences(operation, left, right, interpreter) { return result }
        if let a = left.wholeNumber, let b = right.wholeNumber, let result = try small(operation, a, b, interpreter) { return result }
        if let a = left.big, let b = right.big { return try whole(operation, a, b, interpreter) }
        if let a = left.number, let b = right.number { return try real(operation, a, b, interpreter) }
        for value in [left, right] { if case .undefined(let what) = value { throw interpreter.undefined(what) } }
        if operation == "*", let other = factor(left, right) {
            throw interpreter.failure("TypeError", "can't multiply sequence by non-int of type '\(other.typeName)'")
        }
        if operation == "+", case .string = left {
            throw interpreter.failure("TypeError", "can only concatenate str (not \"\(right.typeName)\") to str")
        }
        switch left {
        case .list, .tuple:
            guard operation == "+" else { break }
            throw interpreter.failure(
                "TypeError", "can only concatenate \(left.typeName) (not \"\(right.typeName)\") to \(left.typeName)")
        default: break
        }
        let symbol = operation == "**" ? "** or pow()" : operation
        throw interpreter.failure("TypeError", "unsupported operand type(s) for \(symbol): '\(left.typeName)' and '\(right.typeName)'")
    }

    /// What a sequence cannot be multiplied by.
    private static func factor(_ left: TemplateValue, _ right: TemplateValue) -> TemplateValue? {
        func isSequence(_ value: TemplateValue) -> Bool {
            switch value {
            case .string, .markup, .list, .tuple: true
            default: false
            }
        }
        return isSequence(left) ? right : isSequence(right) ? left : nil
    }

    private static func escaped(_ value: TemplateValue) -> TemplateValue {
        if case .string(let text) = value { .string(Filters.escaped(text)) } else { value }
    }

    private static func sequences(
        _ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter
    ) throws(TemplateError) -> TemplateValue? {
        switch (operation, left, right) {
        case ("+", .bytes(let a), .bytes(let b)):
            try interpreter.requireText(a.count + b.count)
            return .bytes(a + b)
        case ("+", .string(let a), .string(let b)):
            try interpreter.requireText(a.utf8.count + b.utf8.count)
            return .string(a + b)
        case ("+", .markup(let a), .string(let b)):
            try interpreter.requireText(a.utf8.count + b.utf8.count)
            return .markup(a + Filters.escaped(b))
        case ("+", .string(let a), .markup(let b)):
            try interpreter.requireText(a.utf8.count + b.utf8.count)
            return .markup(Filters.escaped(a) + b)
        case ("+", .markup(let a), .markup(let b)):
            try interpreter.requireText(a.utf8.count + b.utf8.count)
            return .markup(a + b)
        case ("*", .markup(let text), _), ("*", _, .markup(let text)):
            guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
            return try sequences("*", .string(text), .int(count), interpreter)?.text.map { .markup($0) }
        case ("+", .list(let a), .list(let b)): return .list(try joined(a, b, interpreter))
        case ("+", .tuple(let a), .tuple(let b)): return .tuple(try joined(a, b, interpreter))
        case ("*", .string(let text), _), ("*", _, .string(let text)):
            guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
            if count <= 0 || text.utf8.isEmpty { return .string("") }
            let (size, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
            try interpreter.requireText(overflow ? .max : size)
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
        try interpreter.requireCount(a.count + b.count)
        return a + b
    }

    private static func repeated(_ elements: [TemplateValue], _ count: Int, _ interpreter: Interpreter) throws(TemplateError)
        -> [TemplateValue]
    {
        if count <= 0 || elements.isEmpty { return [] }
        let (size, overflow) = elements.count.multipliedReportingOverflow(by: count)
        try interpreter.requireCount(overflow ? .max : size)
        return Array(repeatElement(elements, count: count).joined())
    }

    /// Arithmetic on numbers of 64 bits; nil where the result needs more.
    private static func small(_ operation: String, _ a: Int, _ b: Int, _ interpreter: Interpreter) throws(TemplateError) -> TemplateValue? {
        func checked(_ result: (partialValue: Int, overflow: Bool)) -> TemplateValue? { result.overflow ? nil : .int(result.partialValue) }
        switch operation {
        case "+": return checked(a.addingReportingOverflow(b))
        case "-": return checked(a.subtractingReportingOverflow(b))
        case "*": return checked(a.multipliedReportingOverflow(by: b))
        case "/":
            guard b != 0 else { throw interpreter.failure("ZeroDivisionError", "division by zero") }
            return .double(Double(a) / Double(b))
        case "//", "%":
            guard b != 0 else {
                throw interpreter.failure(
                    "ZeroDivisionError", operation == "%" ? "integer modulo by zero" : "integer division or modulo by zero")
            }
            if b == -1 { return operation == "%" ? .int(0) : checked(a.multipliedReportingOverflow(by: -1)) }
            let remainder = a % b
            let isShifted = remainder != 0 && (remainder < 0) != (b < 0)
            return .int(operation == "%" ? (isShifted ? remainder + b : remainder) : a / b - (isShifted ? 1 : 0))
        default: return nil
        }
    }

    private static func whole(_ operation: String, _ a: BigInteger, _ b: BigInteger, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        func requireBits(_ count: Int) throws(TemplateError) {
            guard count <= bitLimit else {
                throw interpreter.failure("SecurityError", "the template makes a number of more than \(bitLimit) bits")
            }
            // Products and quotients take time by the square of the length.
            try interpreter.chargeSquare(a)
            try interpreter.chargeSquare(b)
        }
        try requireBits(max(a.bitWidth, b.bitWidth))
        switch operation {
        case "+": return (a + b).value
        case "-": return (a - b).value
        case "*":
            try requireBits(a.bitWidth + b.bitWidth)
            return (a * b).value
        case "/":
            guard !b.isZero else { throw interpreter.failure("ZeroDivisionError", "division by zero") }
            guard a.double.isFinite, b.double.isFinite else {
                throw interpreter.failure("OverflowError", "integer division result too large for a float")
            }
            return .double(a.double / b.double)
        case "//", "%":
            guard !b.isZero else {
                throw interpreter.failure(
                    "ZeroDivisionError", operation == "%" ? "integer modulo by zero" : "integer division or modulo by zero")
            }
            let result = a.dividedDown(by: b)
            return operation == "%" ? result.remainder.value : result.quotient.value
        default:
            if b.isNegative { return try real("**", a.double, b.double, interpreter) }
            if a.isZero || a.magnitude == BigInteger(1) {
                return (b.isZero || !a.isZero && (!a.isNegative || !b.isOdd) ? BigInteger(1) : a).value
            }
            guard let exponent = b.small, exponent <= bitLimit else { return try raiseTooLarge(interpreter) }
            try requireBits(a.bitWidth * exponent)
            var (result, square, rest) = (BigInteger(1), a, exponent)
            while rest > 0 {
                try interpreter.chargeSquare(square)
                if rest & 1 == 1 { result = result * square }
                rest >>= 1
                if rest > 0 { square = square * square }
            }
            return result.value
        }
    }

    private static func raiseTooLarge(_ interpreter: Interpreter) throws(TemplateError) -> TemplateValue {
        throw interpreter.failure("SecurityError", "the template makes a number of more than \(bitLimit) bits")
    }

    private static func real(_ operation: String, _ a: Double, _ b: Double, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        switch operation {
        case "+": return .double(a + b)
        case "-": return .double(a - b)
        case "*": return .double(a * b)
        case "**":
            if a == 0, b < 0 { throw interpreter.failure("ZeroDivisionError", "0.0 cannot be raised to a negative power") }
            let result = pow(a, b)
            if result.isInfinite, a.isFinite, b.isFinite {
                throw interpreter.failure("OverflowError", "(34, 'Numerical result out of range')")
            }
            if result.isNaN, a.isFinite, b.isFinite {
                throw interpreter.failure("ValueError", "complex numbers are not available in templates")
            }
            return .double(result)
        default: break
        }
        guard b != 0 else {
            throw interpreter.failure(
                "ZeroDivisionError",
                operation == "/" ? "float division by zero" : operation == "%" ? "float modulo" : "float floor division by zero")
        }
        if operation == "/" { return .double(a / b) }
        if operation == "//" { return .double((a / b).rounded(.down)) }
        let remainder = fmod(a, b)
        if remainder == 0 { return .double(b < 0 ? -0.0 : 0.0) }
        return .double((remainder < 0) != (b < 0) ? remainder + b : remainder)
    }

    static func compare(_ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter)
        throws(TemplateError) -> Bool
    {
        switch operation {
        case "==": return try interpreter.equal(left, right)
        case "!=": return !(try interpreter.equal(left, right))
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
        case .string(let text), .markup(let text):
            guard let part = element.text else {
                throw interpreter.operandFailure(element, "'in <string>' requires string as left operand, not \(element.typeName)")
            }
            try interpreter.chargeCopy(text.utf8.count + part.utf8.count)
            return TextSearch.contains(part, in: text)
        case .range(let range):
            if let number = element.wholeNumber { return range.index(of: number) != nil }
            if let number = element.number { return Int(exactly: number).map { range.index(of: $0) != nil } ?? false }
            return false
        case .dictionary(let dictionary):
            try interpreter.requireHashable(element)
            return dictionary[element] != nil
        case .bytes(let bytes):
            if let byte = element.wholeNumber {
                guard (0...255).contains(byte) else { throw interpreter.failure("ValueError", "byte must be in range(0, 256)") }
                return bytes.contains(UInt8(truncatingIfNeeded: byte))
            }
            guard case .bytes(let part) = element else {
                throw interpreter.operandFailure(element, "a bytes-like object is required, not '\(element.typeName)'")
            }
            try interpreter.take(bytes.count / 16 * max(1, part.count))
            return part.isEmpty || bytes.indices.contains { bytes[$0...].starts(with: part) }
        case .list, .tuple, .view, .undefined:
            for other in try interpreter.elements(container) where try interpreter.equal(other, element) { return true }
            return false
        default: throw interpreter.failure("TypeError", "argument of type '\(container.typeName)' is not iterable")
        }
    }

    /// Negative, zero or positive as `left` is before, equal to or after `right`; nil for a NaN.
    static func order(_ left: TemplateValue, _ right: TemplateValue, _ interpreter: Interpreter, _ operation: String = "<")
        throws(TemplateError) -> Int?
    {
        if let a = left.wholeNumber, let b = right.wholeNumber { return a < b ? -1 : a > b ? 1 : 0 }
        if let a = left.big, let b = right.big { return a < b ? -1 : b < a ? 1 : 0 }
        if let a = left.number, let b = right.number { return a < b ? -1 : a > b ? 1 : a == b ? 0 : nil }
        switch (left.plain, right.plain) {
        case (.string(let a), .string(let b)):
            try interpreter.charge(min(a.utf8.count, b.utf8.count))
            if a.unicodeScalars.elementsEqual(b.unicodeScalars) { return 0 }
            return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars) ? -1 : 1
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a, b) where !(try interpreter.equal(x, y)) { return try order(x, y, interpreter, operation) }
            return a.count - b.count
        default: break
        }
        for value in [left, right] { if case .undefined(let what) = value { throw interpreter.undefined(what) } }
        throw interpreter.failure(
            "TypeError", "'\(operation)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
    }
}
