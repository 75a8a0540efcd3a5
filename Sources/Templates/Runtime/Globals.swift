import Glibc

/// The functions that every template has.
enum Globals {
    static let all: [String: TemplateValue] = [
        "range": function("range", range), "dict": function("dict", dict), "namespace": function("namespace", namespace),
        "raise_exception": function("raise_exception") { interpreter, arguments throws(TemplateError) in
            throw interpreter.failure("TemplateError", try message(interpreter, arguments))
        },
        "strftime_now": function("strftime_now", strftimeNow), "cycler": function("cycler", cycler), "joiner": function("joiner", joiner),
    ]

    private static func message(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> String {
        try Signature(["message"], required: 1).check(arguments, "raise_exception", interpreter)
        return try interpreter.text(arguments.value(0, "message") ?? .none)
    }

    private static func function(
        _ name: String, _ body: @escaping @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue
    ) -> TemplateValue { .function(TemplateFunction(name: name, call: body)) }

    private static func range(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        var numbers: [Int] = []
        for value in arguments.positional {
            guard let number = value.wholeNumber else {
                throw interpreter.operandFailure(value, "'\(value.typeName)' object cannot be interpreted as an integer")
            }
            numbers.append(number)
        }
        guard (1...3).contains(numbers.count) else {
            throw interpreter.failure("TypeError", "range expected 1 to 3 arguments, got \(numbers.count)")
        }
        let (start, end, step) = numbers.count == 1 ? (0, numbers[0], 1) : (numbers[0], numbers[1], numbers.count == 3 ? numbers[2] : 1)
        guard step != 0 else { throw interpreter.failure("ValueError", "range() arg 3 must not be zero") }
        let (distance, overflow) = end.subtractingReportingOverflow(start)
        let length =
            overflow || step == Int.min
            ? Int.max : (distance > 0) == (step > 0) && distance != 0 ? (abs(distance / step) + (distance % step == 0 ? 0 : 1)) : 0
        guard length <= interpreter.limits.rangeLength else {
            throw interpreter.failure(
                "OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(interpreter.limits.rangeLength)).")
        }
        return .range(TemplateRange(start: start, stop: end, step: step, count: length))
    }

    private static func dict(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        var dictionary = TemplateDictionary()
        switch arguments.positional.first {
        case .dictionary(let first)?: dictionary = first
        case let pairs?:
            for pair in try interpreter.elements(pairs) {
                let elements = try interpreter.elements(pair)
                guard elements.count == 2 else {
                    throw interpreter.failure(
                        "ValueError", "dictionary update sequence element has length \(elements.count); 2 is required")
                }
                try interpreter.requireHashable(elements[0])
                dictionary[elements[0]] = elements[1]
            }
        case nil: break
        }
        for (name, value) in arguments.named { dictionary[.string(name)] = value }
        return .dictionary(dictionary)
    }

    private static func namespace(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        let object = TemplateObject(kindName: "Namespace")
        interpreter.keep(object)
        if case .dictionary(let dictionary)? = arguments.positional.first {
            for entry in dictionary.entries {
                try interpreter.requireOpen(entry.key.text ?? "")
                object.set(PythonText.string(entry.key), entry.value)
            }
        }
        for (name, value) in arguments.named {
            try interpreter.requireOpen(name)
            object.set(name, value)
        }
        return .object(object)
    }

    private static func cycler(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        let items = arguments.positional
        guard !items.isEmpty else { throw interpreter.failure("TypeError", "at least one item has to be provided") }
        let object = TemplateObject(kindName: "Cycler", attributes: ["current": items[0]])
        interpreter.keep(object)
        let position = TemplateObject(kindName: "position", attributes: ["index": .int(0)])
        object.attributes["next"] = function("next") { _, _ throws(TemplateError) in
            let index = position.attributes["index"]?.wholeNumber ?? 0
            position.attributes["index"] = .int((index + 1) % items.count)
            object.attributes["current"] = items[(index + 1) % items.count]
            return items[index]
        }
        object.attributes["reset"] = function("reset") { _, _ throws(TemplateError) in
            position.attributes["index"] = .int(0)
            object.attributes["current"] = items[0]
            return .none
        }
        return .object(object)
    }

    private static func joiner(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        let separator = arguments.value(0, "sep") ?? .string(", ")
        let object = TemplateObject(kindName: "Joiner")
        interpreter.keep(object)
        object.call = TemplateFunction(name: "joiner") { _, _ throws(TemplateError) in
            if object.attributes["used"] != nil { return separator }
            object.attributes["used"] = .bool(true)
            return .string("")
        }
        return .object(object)
    }

    /// The format without what a time of no zone and no fraction has nothing for, as Python's
    /// `datetime.strftime` fills it in.
    private static func naive(_ format: String) -> String {
        var result = String.UnicodeScalarView()
        var scalars = format.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%", let kind = scalars.popFirst() else {
                result.append(scalar)
                continue
            }
            switch kind {
            case "z", "Z": continue
            case "f": result.append(contentsOf: "000000".unicodeScalars)
            default: result.append(contentsOf: ["%", kind])
            }
        }
        return String(result)
    }

    private static func strftimeNow(_ interpreter: Interpreter, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        guard let clock = interpreter.clock else {
            throw interpreter.failure("UndefinedError", "the template asks for the time, which is not given here")
        }
        guard let given = arguments.value(0, "format")?.text else {
            throw interpreter.failure("TypeError", "strftime_now() takes a format")
        }
        guard given.utf8.count <= 4096 else { throw interpreter.failure("SecurityError", "a time format of more than 4096 bytes") }
        try interpreter.charge(given.utf8.count * 64)
        let format = naive(given)
        var time = tm()
        time.tm_year = Int32(truncatingIfNeeded: clock.year - 1900)
        time.tm_mon = Int32(truncatingIfNeeded: clock.month - 1)
        time.tm_mday = Int32(truncatingIfNeeded: clock.day)
        time.tm_hour = Int32(truncatingIfNeeded: clock.hour)
        time.tm_min = Int32(truncatingIfNeeded: clock.minute)
        time.tm_sec = Int32(truncatingIfNeeded: clock.second)
        // timegm fills in the days of week and year.
        var copy = time
        _ = timegm(&copy)
        (time.tm_wday, time.tm_yday) = (copy.tm_wday, copy.tm_yday)
        guard !format.isEmpty else { return .string("") }
        var buffer = [CChar](repeating: 0, count: format.utf8.count * 64 + 64)
        let count = strftime(&buffer, buffer.count, format, &time)
        return .string(String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
