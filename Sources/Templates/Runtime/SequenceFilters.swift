/// Filters over lists.
enum SequenceFilters {
    /// What an attribute argument names: a key, an index, or a path with dots.
    static func pick(_ attribute: TemplateValue?, _ element: TemplateValue, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        guard let attribute, !attribute.isNone else { return element }
        if attribute.wholeNumber != nil { return try interpreter.item(attribute, of: element) }
        var value = element
        for part in PythonText.string(attribute).split(separator: ".") {
            value = try interpreter.item(Int(part).map { .int($0) } ?? .string(String(part)), of: value)
        }
        return value
    }

    /// For sorting: letters without their case unless the case counts.
    private static func key(_ value: TemplateValue, caseSensitive: Bool) -> TemplateValue {
        if let text = value.text, !caseSensitive { return .string(PythonCharacters.lowercased(text)) }
        return value
    }

    /// A dictionary's entries by their keys.
    static func sortedByKey(_ dictionary: TemplateDictionary, _ interpreter: Interpreter) throws(TemplateError)
        -> [(key: TemplateValue, value: TemplateValue)]
    {
        let pairs = dictionary.entries.map { TemplateValue.tuple([$0.key, $0.value]) }
        let ordered = try sorted(pairs, isReversed: false, interpreter) { pair throws(TemplateError) in
            try interpreter.item(.int(0), of: pair)
        }
        return ordered.compactMap { if case .tuple(let pair) = $0, pair.count == 2 { (pair[0], pair[1]) } else { nil } }
    }

    private static func sorted(
        _ elements: [TemplateValue], isReversed: Bool, _ interpreter: Interpreter,
        key: (TemplateValue) throws(TemplateError) -> TemplateValue
    ) throws(TemplateError) -> [TemplateValue] {
        var keyed: [(key: TemplateValue, index: Int)] = []
        for (index, element) in elements.enumerated() { keyed.append((try key(element), index)) }
        var error: TemplateError?
        // Stable in both directions, as Python's sort.
        keyed.sort { left, right in
            guard error == nil else { return false }
            do throws(TemplateError) {
                try interpreter.step()
                let order = try Arithmetic.order(left.key, right.key, interpreter) ?? 0
                if order == 0 { return left.index < right.index }
                return isReversed ? order > 0 : order < 0
            } catch let failure {
                error = failure
                return false
            }
        }
        if let error { throw error }
        return keyed.map { elements[$0.index] }
    }

    static func apply(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        switch name {
        case "sort":
            let attribute = arguments.value(2, "attribute")
            let isSensitive = arguments.value(1, "case_sensitive")?.isTrue ?? false
            return .list(
                try sorted(try interpreter.elements(value), isReversed: arguments.value(0, "reverse")?.isTrue ?? false, interpreter) {
                    element throws(TemplateError) in
                    // Several attributes with commas are compared one after the other.
                    guard let names = attribute?.text?.split(separator: ",", omittingEmptySubsequences: false) else {
                        return .list([key(try pick(attribute, element, interpreter), caseSensitive: isSensitive)])
                    }
                    var keys: [TemplateValue] = []
                    for name in names {
                        keys.append(key(try pick(.string(String(name)), element, interpreter), caseSensitive: isSensitive))
                    }
                    return .list(keys)
                })
        case "dictsort":
            guard case .dictionary(let dictionary) = value else {
                if case .undefined(let what) = value { throw interpreter.undefined(what) }
                throw interpreter.failure("AttributeError", "'\(value.typeName)' object has no attribute 'items'")
            }
            let isSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
            let byValue = arguments.value(1, "by").map { PythonText.string($0) } == "value"
            let pairs = dictionary.entries.map { TemplateValue.tuple([$0.key, $0.value]) }
            return .list(
                try sorted(pairs, isReversed: arguments.value(2, "reverse")?.isTrue ?? false, interpreter) { pair throws(TemplateError) in
                    key(try interpreter.item(.int(byValue ? 1 : 0), of: pair), caseSensitive: isSensitive)
                })
        case "unique":
            let isSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
            var seen: Set<TemplateKey> = []
            var result: [TemplateValue] = []
            for element in try interpreter.elements(value) {
                let mark = key(try pick(arguments.value(1, "attribute"), element, interpreter), caseSensitive: isSensitive)
                try interpreter.requireHashable(mark)
                try interpreter.step()
                if seen.insert(TemplateKey(value: mark)).inserted { result.append(element) }
            }
            return .view(TemplateView(.unique, result))
        case "groupby":
            let attribute = arguments.value(0, "attribute")
            let isSensitive = arguments.value(2, "case_sensitive")?.isTrue ?? false
            let fallback = arguments.value(1, "default").flatMap { $0.isNone ? nil : $0 }
            func mark(_ element: TemplateValue) throws(TemplateError) -> TemplateValue {
                let found = try pick(attribute, element, interpreter)
                if case .undefined = found, let fallback { return fallback }
                return found
            }
            let ordered = try sorted(try interpreter.elements(value), isReversed: false, interpreter) { element throws(TemplateError) in
                key(try mark(element), caseSensitive: isSensitive)
            }
            var groups: [(key: TemplateValue, members: [TemplateValue])] = []
            for element in ordered {
                let mark = try mark(element)
                if let last = groups.last,
                    try interpreter.equal(key(last.key, caseSensitive: isSensitive), key(mark, caseSensitive: isSensitive))
                {
                    groups[groups.count - 1].members.append(element)
                } else {
                    groups.append((mark, [element]))
                }
            }
            return .list(groups.map { .tuple([$0.key, .list($0.members)]) })
        case "max", "min":
            let attribute = arguments.value(1, "attribute")
            let isSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
            var best: TemplateValue?
            for element in try interpreter.elements(value) {
                guard let known = best else {
                    best = element
                    continue
                }
                let order = try Arithmetic.order(
                    key(try pick(attribute, element, interpreter), caseSensitive: isSensitive),
                    key(try pick(attribute, known, interpreter), caseSensitive: isSensitive), interpreter, name == "max" ? ">" : "<")
                if let order, name == "max" ? order > 0 : order < 0 { best = element }
            }
            return best ?? .undefined("No aggregated item, sequence was empty.")
        case "sum":
            var sum = arguments.value(1, "start") ?? .int(0)
            if sum.text != nil { throw interpreter.failure("TypeError", "sum() can't sum strings [use ''.join(seq) instead]") }
            for element in try interpreter.elements(value) {
                sum = try Arithmetic.apply("+", sum, try pick(arguments.value(0, "attribute"), element, interpreter), interpreter)
            }
            return sum
        case "batch":
            let size = max(1, arguments.value(0, "linecount")?.wholeNumber ?? 1)
            let elements = try interpreter.elements(value)
            try interpreter.requireCount(size)
            var rows: [TemplateValue] = []
            var start = 0
            while start < elements.count {
                var row = Array(elements[start..<min(elements.count, start + size)])
                if let fill = arguments.value(1, "fill_with"), !fill.isNone, row.count < size {
                    row += Array(repeating: fill, count: size - row.count)
                }
                rows.append(.list(row))
                start += size
            }
            return .view(TemplateView(.batch, rows))
        default:
            let count = max(1, arguments.value(0, "slices")?.wholeNumber ?? 1)
            let elements = try interpreter.elements(value)
            try interpreter.requireCount(count)
            let (each, extra) = elements.count.quotientAndRemainder(dividingBy: count)
            var rows: [TemplateValue] = []
            var start = 0
            for index in 0..<count {
                let end = start + each + (index < extra ? 1 : 0)
                var row = Array(elements[start..<end])
                if let fill = arguments.value(1, "fill_with"), !fill.isNone, index >= extra { row.append(fill) }
                rows.append(.list(row))
                start = end
            }
            return .view(TemplateView(.slice, rows))
        }
    }

    static func choose(_ name: String, _ elements: [TemplateValue], _ arguments: Arguments, _ interpreter: Interpreter)
        throws(TemplateError) -> TemplateValue
    {
        if name == "map" {
            if let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value {
                let fallback = arguments.named.first { $0.name == "default" }?.value
                var result: [TemplateValue] = []
                for element in elements {
                    let value = try pick(attribute, element, interpreter)
                    if case .undefined = value, let fallback { result.append(fallback) } else { result.append(value) }
                }
                return .view(TemplateView(.map, result))
            }
            guard let filter = arguments.positional.first?.text else {
                throw interpreter.failure("FilterArgumentError", "map requires a filter argument")
            }
            guard Filters.isKnown(filter) else { throw interpreter.failure("TemplateRuntimeError", "No filter named '\(filter)'.") }
            var rest = arguments
            rest.positional.removeFirst()
            var result: [TemplateValue] = []
            for element in elements {
                try interpreter.step()
                result.append(try Filters.apply(filter, element, rest, interpreter))
            }
            return .view(TemplateView(.map, result))
        }
        var rest = arguments
        var attribute: TemplateValue?
        if name.hasSuffix("attr") {
            guard !rest.positional.isEmpty else { throw interpreter.failure("FilterArgumentError", "Missing parameter for attribute name") }
            attribute = rest.positional.removeFirst()
        }
        var test: String?
        if let word = rest.positional.first?.text {
            guard Tests.isKnown(word) else { throw interpreter.failure("TemplateRuntimeError", "No test named '\(word)'.") }
            test = word
            rest.positional.removeFirst()
        }
        let keeps = name.hasPrefix("select")
        var result: [TemplateValue] = []
        for element in elements {
            try interpreter.step()
            let subject = try pick(attribute, element, interpreter)
            let holds = if let test { try Tests.evaluate(test, subject, rest, interpreter) } else { subject.isTrue }
            if holds == keeps { result.append(element) }
        }
        return .view(TemplateView(.choice, result))
    }
}
