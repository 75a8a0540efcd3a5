/// The methods of lists and dictionaries that the sandbox allows; those that would change a value
/// are refused.
enum Methods {
    static func method(_ name: String, of value: TemplateValue) -> TemplateValue? {
        switch value {
        case .string(let text): StringMethods.method(name, of: text)
        case .markup(let text): StringMethods.method(name, of: text, isMarkup: true)
        case .bytes(let bytes): PythonBytes.method(name, of: bytes)
        case .dictionary(let dictionary): method(name, of: dictionary)
        case .list(let elements):
            ["copy", "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"].contains(name)
                ? listMethod(name, elements) : sequenceMethod(name, elements)
        case .tuple(let elements): sequenceMethod(name, elements)
        default: nil
        }
    }

    private static func bound(
        _ name: String, _ signature: Signature, _ body: @escaping @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue
    ) -> TemplateValue {
        .function(
            TemplateFunction(name: name) { interpreter, arguments throws(TemplateError) in
                try signature.check(arguments, name, interpreter)
                return try body(interpreter, arguments)
            })
    }

    private static func refused(_ name: String, _ kind: String) -> TemplateValue {
        Interpreter.hiddenAttribute(name, of: kind)
    }

    private static func method(_ name: String, of dictionary: TemplateDictionary) -> TemplateValue? {
        switch name {
        case "items":
            return bound(name, Signature()) { _, _ throws(TemplateError) in
                .view(TemplateView(.items, dictionary.entries.map { .tuple([$0.key, $0.value]) }))
            }
        case "keys":
            return bound(name, Signature()) { _, _ throws(TemplateError) in .view(TemplateView(.keys, dictionary.entries.map(\.key))) }
        case "values":
            return bound(name, Signature()) { _, _ throws(TemplateError) in .view(TemplateView(.values, dictionary.entries.map(\.value))) }
        case "get":
            return bound(name, Signature(["key", "default"], required: 1, positional: true)) {
                interpreter, arguments throws(TemplateError) in
                let key = arguments.positional.first ?? .none
                try interpreter.requireHashable(key)
                return dictionary[key] ?? arguments.value(1, "default") ?? .none
            }
        case "copy": return bound(name, Signature()) { _, _ throws(TemplateError) in .dictionary(dictionary) }
        case "fromkeys":
            return bound(name, Signature(["iterable", "value"], required: 1, positional: true)) {
                interpreter, arguments throws(TemplateError) in
                var result = TemplateDictionary()
                for key in try interpreter.elements(arguments.positional.first ?? .none) {
                    try interpreter.requireHashable(key)
                    result[key] = arguments.value(1, "value") ?? TemplateValue.none
                }
                return .dictionary(result)
            }
        case "update", "pop", "popitem", "clear", "setdefault": return refused(name, "dict")
        default: return nil
        }
    }

    private static func listMethod(_ name: String, _ elements: [TemplateValue]) -> TemplateValue? {
        name == "copy" ? bound(name, Signature()) { _, _ throws(TemplateError) in .list(elements) } : refused(name, "list")
    }

    private static func sequenceMethod(_ name: String, _ elements: [TemplateValue]) -> TemplateValue? {
        switch name {
        case "index":
            return bound(name, Signature(["value", "start", "stop"], required: 1, positional: true)) {
                interpreter, arguments throws(TemplateError) in
                let wanted = arguments.positional.first ?? .none
                func place(_ index: Int) -> Int { index < 0 ? max(0, index < -elements.count ? 0 : index + elements.count) : index }
                let start = place(arguments.value(1, "start")?.wholeNumber ?? 0)
                let end = min(elements.count, place(arguments.value(2, "stop")?.wholeNumber ?? elements.count))
                for index in start..<max(start, end) where try interpreter.equal(elements[index], wanted) { return .int(index) }
                throw interpreter.failure("ValueError", "\(PythonText.representation(wanted)) is not in list")
            }
        case "count":
            return bound(name, Signature(["value"], required: 1, positional: true)) { interpreter, arguments throws(TemplateError) in
                var count = 0
                for element in elements where try interpreter.equal(element, arguments.positional.first ?? .none) { count += 1 }
                return .int(count)
            }
        default: return nil
        }
    }
}
