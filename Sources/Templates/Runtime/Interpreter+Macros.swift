extension Interpreter {
    func macro(_ definition: Statement.MacroDefinition, in definitionScope: Scope) -> TemplateObject {
        let usage = definition.usage
        let object = TemplateObject(kindName: "Macro")
        circularScopes.append(definitionScope)
        circularObjects.append(object)
        object.attributes = [
            "name": .string(definition.name), "arguments": .tuple(definition.parameters.map { .string($0.name) }),
            "catch_kwargs": .bool(usage.namedArguments), "catch_varargs": .bool(usage.otherArguments), "caller": .bool(usage.caller),
        ]
        object.call = TemplateFunction(name: definition.name) { interpreter, arguments throws(TemplateError) in
            let inner = Scope(parent: definitionScope)
            let names = definition.parameters.map(\.name)
            guard usage.otherArguments || arguments.positional.count <= names.count else {
                throw interpreter.failure(
                    "TypeError", "macro \(PythonText.quoted(definition.name)) takes not more than \(names.count) argument(s)")
            }
            for (index, parameter) in definition.parameters.enumerated() {
                if let value = arguments.value(index, parameter.name) {
                    try interpreter.requireShallow(value)
                    inner.values[parameter.name] = value
                } else if let value = parameter.defaultValue {
                    inner.values[parameter.name] = try interpreter.inScope(inner) { () throws(TemplateError) in
                        try interpreter.evaluate(value)
                    }
                } else {
                    inner.values[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
                }
            }
            let others = arguments.named.filter { argument in
                if usage.caller, argument.name == "caller" { return false }
                return names.firstIndex(of: argument.name).map { $0 < arguments.positional.count } ?? true
            }
            if let other = others.first, !usage.namedArguments {
                throw interpreter.failure(
                    "TypeError",
                    other.name == "caller"
                        ? "macro \(PythonText.quoted(definition.name)) was invoked with two values for the special caller argument. This is most likely a bug."
                        : "macro \(PythonText.quoted(definition.name)) takes no keyword argument \(PythonText.quoted(other.name))")
            }
            if usage.otherArguments { inner.values["varargs"] = .tuple(Array(arguments.positional.dropFirst(names.count))) }
            if usage.namedArguments {
                inner.values["kwargs"] = .dictionary(TemplateDictionary(others.map { (.string($0.name), $0.value) }))
            }
            if usage.caller {
                inner.values["caller"] = arguments.named.first { $0.name == "caller" }?.value ?? .undefined("No caller defined")
            }
            return .string(
                try interpreter.nested { () throws(TemplateError) in
                    try interpreter.inScope(inner) { () throws(TemplateError) in try interpreter.captured(definition.body) }
                })
        }
        return object
    }
}
