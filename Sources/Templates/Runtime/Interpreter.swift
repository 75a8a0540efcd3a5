/// Runs one rendering of a template.
final class Interpreter {
    /// Names of one block and those around it.
    /// Used by one rendering, in one thread.
    final class Scope: @unchecked Sendable {
        var values: [String: TemplateValue] = [:]
        let parent: Scope?

        init(parent: Scope?) { self.parent = parent }

        func value(_ name: String) -> TemplateValue? {
            var scope: Scope? = self
            while let current = scope {
                if let value = current.values[name] { return value }
                scope = current.parent
            }
            return nil
        }
    }
    /// How a list of statements ended.
    enum Flow { case normal, breakLoop, continueLoop }

    let clock: TemplateClock?
    let limits: TemplateLimits
    var output: [UInt8] = []
    var generationSpans: [Range<Int>] = []
    private var scope: Scope
    private var steps = 0
    /// Values that were compared or gone through; four count as a step.
    private var visits = 0
    private var escapesOutput = false
    /// Scopes with macros, and objects whose functions hold them: each holds itself, and is let go when the rendering ends.
    private var circularScopes: [Scope] = []
    private var circularObjects: [TemplateObject] = []
    private var depth = 0
    private var evaluationDepth = 0
    /// Output is being collected for a value, so places in it are not places in the text.
    private var captureDepth = 0

    init(variables: [String: TemplateValue], clock: TemplateClock?, limits: TemplateLimits) {
        self.clock = clock
        self.limits = limits
        let globals = Scope(parent: nil)
        globals.values = Globals.all
        scope = Scope(parent: globals)
        scope.values = variables
    }

    func failure(_ type: String, _ message: String, _ line: Int? = nil) -> TemplateError {
        TemplateError(type: type, message: message, line: line)
    }

    func step() throws(TemplateError) { try take(1) }

    private func take(_ count: Int) throws(TemplateError) {
        steps = steps &+ count
        if steps > limits.steps { throw failure("SecurityError", "the template takes more than \(limits.steps) steps") }
    }

    /// Counts work that looks at every character of so many bytes.
    func charge(_ byteCount: Int) throws(TemplateError) { try take(byteCount / 16) }

    /// Counts work that copies or searches so many bytes.
    func chargeCopy(_ byteCount: Int) throws(TemplateError) { try take(byteCount / 64) }

    /// Counts work on whole numbers that goes by the square of their length.
    func chargeSquare(_ number: BigInteger) throws(TemplateError) { try take(number.limbs.count * number.limbs.count) }

    /// Refuses to make a text longer than allowed.
    func requireSize(_ byteCount: Int) throws(TemplateError) {
        if byteCount > limits.byteCount { throw failure("SecurityError", "the template makes more than \(limits.byteCount) bytes of text") }
    }

    /// Allows and counts a text that is about to be made.
    func requireText(_ byteCount: Int) throws(TemplateError) {
        try requireSize(byteCount)
        try chargeCopy(byteCount)
    }

    /// Allows and counts a list that is about to be made.
    func requireCount(_ count: Int) throws(TemplateError) {
        if count > limits.elementCount {
            throw failure("SecurityError", "the template makes a list of more than \(limits.elementCount) elements")
        }
        try take(count / 4)
    }

    func requireHashable(_ value: TemplateValue) throws(TemplateError) {
        if let text = value.text { try charge(text.utf8.count) }
        if !TemplateKey.isHashable(value) { throw failure("TypeError", "unhashable type: '\(value.typeName)'") }
    }

    /// Refuses values nested so deeply that going through them, or letting them go, could exhaust the stack.
    private func requireShallow(_ value: TemplateValue, _ depth: Int = 0) throws(TemplateError) {
        let children: [TemplateValue]
        switch value {
        case .list(let elements), .tuple(let elements): children = elements
        case .dictionary(let dictionary): children = dictionary.entries.map(\.value)
        case .view(let view): children = view.elements
        case .object(let object): children = Array(object.attributes.values)
        default: return
        }
        guard depth < limits.valueDepth else {
            throw failure("RecursionError", "a value is nested more than \(limits.valueDepth) levels deep")
        }
        visits += 1
        if visits % 4 == 0 { try step() }
        for child in children { try requireShallow(child, depth + 1) }
    }

    /// `str(value)`, within the limits.
    func text(_ value: TemplateValue) throws(TemplateError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .markup(let text): return text
        default:
            let text = PythonText.string(value)
            try requireSize(text.utf8.count)
            try take(text.utf8.count / 4)
            return text
        }
    }

    /// Python's `==`: numbers compare across types, texts by their scalars.
    func equal(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        func all(_ a: [TemplateValue], _ b: [TemplateValue]) throws(TemplateError) -> Bool {
            guard a.count == b.count else { return false }
            for (x, y) in zip(a, b) where !(try equal(x, y)) { return false }
            return true
        }
        visits += 1
        if visits % 4 == 0 { try step() }
        switch (left, right) {
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return try all(a, b)
        case (.dictionary(let a), .dictionary(let b)):
            guard a.entries.count == b.entries.count else { return false }
            for entry in a.entries {
                guard let other = b[entry.key], try equal(entry.value, other) else { return false }
            }
            return true
        case (.view(let a), .view(let b)):
            if a === b { return true }
            return a.kind == b.kind && !a.kind.isGenerator ? try all(a.elements, b.elements) : false
        default:
            if let a = left.text, let b = right.text { try chargeCopy(min(a.utf8.count, b.utf8.count)) }
            return TemplateKey.equal(left, right)
        }
    }

    /// Remembers an object that may come to hold itself.
    func keep(_ object: TemplateObject) { circularObjects.append(object) }

    /// Lets go of everything that holds itself. Nothing can be rendered afterwards.
    func release() {
        for scope in circularScopes { scope.values = [:] }
        for object in circularObjects { (object.attributes, object.call) = ([:], nil) }
        (circularScopes, circularObjects) = ([], [])
    }

    func run(_ statements: [Statement]) throws(TemplateError) { _ = try execute(statements) }

    private func write(_ text: String) throws(TemplateError) {
        try requireSize(output.count + text.utf8.count)
        try chargeCopy(text.utf8.count)
        output.append(contentsOf: text.utf8)
    }

    private func nested<Result>(_ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else { throw failure("RecursionError", "the template is nested more than \(limits.depth) levels deep") }
        return try body()
    }

    private func inScope<Result>(_ new: Scope, _ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        let saved = scope
        scope = new
        defer { scope = saved }
        return try body()
    }

    /// The text that statements put out.
    func captured(_ statements: [Statement]) throws(TemplateError) -> String {
        let saved = output
        output = []
        captureDepth += 1
        defer {
            output = saved
            captureDepth -= 1
        }
        try run(statements)
        return String(decoding: output, as: UTF8.self)
    }

    private func execute(_ statements: [Statement]) throws(TemplateError) -> Flow {
        for statement in statements {
            try step()
            switch statement {
            case .text(let bytes):
                try requireSize(output.count + bytes.count)
                output.append(contentsOf: bytes)
            case .output(let expression, let line):
                do throws(TemplateError) {
                    let value = try evaluate(expression)
                    let shown = try text(value)
                    if escapesOutput, case .markup = value {
                    } else if escapesOutput {
                        try write(Filters.escaped(shown))
                        continue
                    }
                    try write(shown)
                } catch { throw located(error, line) }
            case .ifElse(let branches, let otherwise):
                var chosen = otherwise
                for branch in branches where try evaluate(branch.condition).isTrue {
                    chosen = branch.body
                    break
                }
                let flow = try nested { () throws(TemplateError) in try execute(chosen) }
                if flow != .normal { return flow }
            case .forLoop(let loop):
                do throws(TemplateError) {
                    try run(loop, over: try evaluate(loop.iterated), depth: 0)
                } catch { throw located(error, loop.line) }
            case .assign(let target, let value, let line):
                do throws(TemplateError) { try assign(try evaluate(value), to: target, in: scope) } catch { throw located(error, line) }
            case .assignBlock(let target, let filters, let body, let line):
                var value = TemplateValue.string(try inScope(Scope(parent: scope)) { () throws(TemplateError) in try captured(body) })
                for filter in filters { value = try apply(filter, to: value) }
                do throws(TemplateError) { try assign(value, to: target, in: scope) } catch { throw located(error, line) }
            case .macro(let definition): scope.values[definition.name] = .object(macro(definition, in: scope))
            case .autoescape(let flag, let body):
                let saved = escapesOutput
                escapesOutput = try evaluate(flag).isTrue
                defer { escapesOutput = saved }
                let flow = try nested { () throws(TemplateError) in try execute(body) }
                if flow != .normal { return flow }
            case .callBlock(let parameters, let call, let body, let usage, let line):
                guard case .call(let callee, let arguments, _) = call else { continue }
                let definition = Statement.MacroDefinition(name: "caller", parameters: parameters, body: body, usage: usage)
                var passed = try evaluate(arguments)
                passed.named.append(("caller", .object(macro(definition, in: scope))))
                do throws(TemplateError) { try write(try text(try self.call(try evaluate(callee), passed))) } catch {
                    throw located(error, line)
                }
            case .filterBlock(let filters, let body):
                var value = TemplateValue.string(try inScope(Scope(parent: scope)) { () throws(TemplateError) in try captured(body) })
                for filter in filters { value = try apply(filter, to: value) }
                try write(try text(value))
            case .with(let values, let body):
                let inner = Scope(parent: scope)
                for (name, value) in values {
                    let value = try evaluate(value)
                    try requireShallow(value)
                    inner.values[name] = value
                }
                let flow = try inScope(inner) { () throws(TemplateError) in try nested { () throws(TemplateError) in try execute(body) } }
                if flow != .normal { return flow }
            case .generation(let body):
                let start = output.count
                try inScope(Scope(parent: scope)) { () throws(TemplateError) in try run(body) }
                if captureDepth == 0 { generationSpans.append(start..<output.count) }
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .normal
    }

    private func located(_ error: TemplateError, _ line: Int) -> TemplateError {
        var error = error
        if error.line == nil { error.line = line }
        return error
    }

    private func assign(_ value: TemplateValue, to target: Statement.Target, in scope: Scope) throws(TemplateError) {
        switch target {
        case .name(let name):
            try requireShallow(value)
            scope.values[name] = value
        case .attribute(let name, let attribute):
            guard case .object(let object)? = self.scope.value(name), object.kindName == "Namespace" else {
                throw failure("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
            }
            try requireShallow(value)
            object.set(attribute, value)
        case .tuple(let targets):
            if case .undefined(let what) = value { throw failure("UndefinedError", what) }
            let elements: [TemplateValue]
            do throws(TemplateError) { elements = try self.elements(value) } catch {
                throw error.type == "TypeError" ? failure("TypeError", "cannot unpack non-iterable \(value.typeName) object") : error
            }
            guard elements.count == targets.count else {
                throw failure(
                    "ValueError",
                    elements.count > targets.count
                        ? "too many values to unpack (expected \(targets.count))"
                        : "not enough values to unpack (expected \(targets.count), got \(elements.count))")
            }
            for (target, element) in zip(targets, elements) { try assign(element, to: target, in: scope) }
        }
    }

    private func run(_ loop: Statement.ForLoop, over iterated: TemplateValue, depth level: Int) throws(TemplateError) {
        var elements = try elements(iterated)
        let outer = scope
        if let condition = loop.condition {
            var kept: [TemplateValue] = []
            for element in elements {
                try step()
                let inner = Scope(parent: outer)
                try assign(element, to: loop.target, in: inner)
                if try inScope(inner, { () throws(TemplateError) in try evaluate(condition).isTrue }) { kept.append(element) }
            }
            elements = kept
        }
        if elements.isEmpty {
            try inScope(Scope(parent: outer)) { () throws(TemplateError) in try run(loop.otherwise) }
            return
        }
        let state = TemplateObject(kindName: "LoopContext")
        let count = elements.count
        state.attributes["length"] = .int(count)
        state.attributes["depth"] = .int(level + 1)
        state.attributes["depth0"] = .int(level)
        state.attributes["cycle"] = .function(
            TemplateFunction(name: "cycle") { [weak state] interpreter, arguments throws(TemplateError) in
                guard !arguments.positional.isEmpty, case .int(let index)? = state?.attributes["index0"] else {
                    throw interpreter.failure("TypeError", "no items for cycling given")
                }
                return arguments.positional[index % arguments.positional.count]
            })
        let memory = TemplateObject(kindName: "changed")
        state.attributes["changed"] = .function(
            TemplateFunction(name: "changed") { interpreter, arguments throws(TemplateError) in
                let value = TemplateValue.tuple(arguments.positional)
                let isSame = if let last = memory.attributes["last"] { try interpreter.equal(last, value) } else { false }
                memory.attributes["last"] = value
                return .bool(!isSame)
            })
        if loop.isRecursive {
            state.call = TemplateFunction(name: "loop") { interpreter, arguments throws(TemplateError) in
                guard let inner = arguments.positional.first else {
                    throw interpreter.failure("TypeError", "loop() takes what is to be looped over")
                }
                return .string(try interpreter.rendered(loop, over: inner, depth: level + 1, in: outer))
            }
        }
        for (index, element) in elements.enumerated() {
            try step()
            state.attributes["index"] = .int(index + 1)
            state.attributes["index0"] = .int(index)
            state.attributes["revindex"] = .int(count - index)
            state.attributes["revindex0"] = .int(count - index - 1)
            state.attributes["first"] = .bool(index == 0)
            state.attributes["last"] = .bool(index == count - 1)
            state.attributes["previtem"] = index > 0 ? elements[index - 1] : .undefined("there is no previous item")
            state.attributes["nextitem"] = index + 1 < count ? elements[index + 1] : .undefined("there is no next item")
            let inner = Scope(parent: outer)
            try assign(element, to: loop.target, in: inner)
            inner.values["loop"] = .object(state)
            let flow = try inScope(inner) { () throws(TemplateError) in try nested { () throws(TemplateError) in try execute(loop.body) } }
            if flow == .breakLoop { break }
        }
    }

    private func rendered(_ loop: Statement.ForLoop, over value: TemplateValue, depth level: Int, in outer: Scope) throws(TemplateError)
        -> String
    {
        let saved = output
        output = []
        captureDepth += 1
        defer {
            output = saved
            captureDepth -= 1
        }
        try nested { () throws(TemplateError) in try inScope(outer) { () throws(TemplateError) in try run(loop, over: value, depth: level) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func macro(_ definition: Statement.MacroDefinition, in definitionScope: Scope) -> TemplateObject {
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

    // MARK: Expressions

    func evaluate(_ arguments: [Argument]) throws(TemplateError) -> Arguments {
        var result = Arguments()
        for argument in arguments {
            let value = try evaluate(argument.value)
            switch argument.kind {
            case .positional: result.positional.append(value)
            case .named(let name): result.named.append((name, value))
            case .spread: result.positional += try elements(value)
            case .spreadNamed:
                guard case .dictionary(let dictionary) = value else { throw failure("TypeError", "argument after ** must be a mapping") }
                for entry in dictionary.entries {
                    try charge(entry.key.text?.utf8.count ?? 0)
                    result.named.append((PythonText.string(entry.key), entry.value))
                }
            }
        }
        return result
    }

    func evaluate(_ expression: Expression) throws(TemplateError) -> TemplateValue {
        try step()
        evaluationDepth += 1
        defer { evaluationDepth -= 1 }
        guard evaluationDepth <= limits.evaluationDepth else {
            throw failure("RecursionError", "expressions are nested more than \(limits.evaluationDepth) levels deep")
        }
        switch expression {
        case .literal(let value): return value
        case .name(let name, _): return scope.value(name) ?? .undefined("'\(name)' is undefined")
        case .list(let elements): return .list(try evaluateAll(elements))
        case .tuple(let elements): return .tuple(try evaluateAll(elements))
        case .dictionary(let entries):
            var dictionary = TemplateDictionary()
            for (key, value) in entries {
                let key = try evaluate(key)
                try requireHashable(key)
                dictionary[key] = try evaluate(value)
            }
            return .dictionary(dictionary)
        case .attribute(let base, let name, let line):
            do throws(TemplateError) { return try attribute(name, of: try evaluate(base)) } catch { throw located(error, line) }
        case .item(let base, let key, let line):
            do throws(TemplateError) { return try item(try evaluate(key), of: try evaluate(base)) } catch { throw located(error, line) }
        case .slice(let base, let from, let to, let stride, let line):
            do throws(TemplateError) {
                return try sliced(try evaluate(base), try bound(from), try bound(to), try bound(stride))
            } catch { throw located(error, line) }
        case .call(let callee, let arguments, let line):
            do throws(TemplateError) { return try call(try evaluate(callee), try evaluate(arguments)) } catch { throw located(error, line) }
        case .filter(let value, let call):
            do throws(TemplateError) { return try apply(call, to: try evaluate(value)) } catch { throw located(error, call.line) }
        case .test(let value, let name, let arguments, let isNegated, let line):
            do throws(TemplateError) {
                let holds = try Tests.evaluate(name, try evaluate(value), try evaluate(arguments), self)
                return .bool(holds != isNegated)
            } catch { throw located(error, line) }
        case .negate(let inner, let line):
            let value = try evaluate(inner)
            if let number = value.big { return number.negated.value }
            if case .double(let number) = value { return .double(-number) }
            throw located(operandFailure(value, "bad operand type for unary -: '\(value.typeName)'"), line)
        case .plus(let inner, let line):
            let value = try evaluate(inner)
            guard value.number != nil else {
                throw located(operandFailure(value, "bad operand type for unary +: '\(value.typeName)'"), line)
            }
            return value.wholeNumber.map { .int($0) } ?? value
        case .not(let inner): return .bool(!(try evaluate(inner).isTrue))
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .binary(let operation, let left, let right, let line):
            do throws(TemplateError) { return try Arithmetic.apply(operation, try evaluate(left), try evaluate(right), self) } catch {
                throw located(error, line)
            }
        case .concatenate(let parts):
            var text = ""
            for part in parts {
                text += try self.text(try evaluate(part))
                try requireSize(text.utf8.count)
            }
            try chargeCopy(text.utf8.count)
            return .string(text)
        case .compare(let first, let steps, let line):
            do throws(TemplateError) {
                var left = try evaluate(first)
                for (operation, expression) in steps {
                    let right = try evaluate(expression)
                    guard try Arithmetic.compare(operation, left, right, self) else { return .bool(false) }
                    left = right
                }
                return .bool(true)
            } catch { throw located(error, line) }
        case .conditional(let value, let condition, let otherwise):
            if try evaluate(condition).isTrue { return try evaluate(value) }
            guard let otherwise else {
                return .undefined("the inline if-expression evaluated to false and no else section was defined.")
            }
            return try evaluate(otherwise)
        }
    }

    private func evaluateAll(_ expressions: [Expression]) throws(TemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    private func bound(_ expression: Expression?) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        let value = try evaluate(expression)
        if case .none = value { return nil }
        guard let number = value.wholeNumber else {
            throw operandFailure(value, "slice indices must be integers or None or have an __index__ method")
        }
        return number
    }

    /// The error for an operand that does not fit: an undefined one says what is undefined.
    func operandFailure(_ value: TemplateValue, _ message: String) -> TemplateError {
        if case .undefined(let what) = value { return failure("UndefinedError", what) }
        return failure("TypeError", message)
    }

    func call(_ callee: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
        switch callee {
        case .function(let function): return try function.call(self, arguments)
        case .object(let object):
            if let function = object.call { return try function.call(self, arguments) }
            throw failure("TypeError", "'\(object.kindName)' object is not callable")
        default: throw operandFailure(callee, "'\(callee.typeName)' object is not callable")
        }
    }

    func apply(_ filter: Statement.FilterCall, to value: TemplateValue) throws(TemplateError) -> TemplateValue {
        try Filters.apply(filter.name, value, try evaluate(filter.arguments), self)
    }

    /// The elements that a loop sees. A generator gives its own once.
    func elements(_ value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let elements), .tuple(let elements): return elements
        case .string(let text), .markup(let text):
            try requireCount(text.utf8.count)
            try take(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .dictionary(let dictionary):
            try requireCount(dictionary.entries.count)
            return dictionary.entries.map(\.key)
        case .range(let range):
            try requireCount(range.count * 4)
            return (0..<range.count).map { range[$0] }
        case .view(let view): return view.taken()
        default: throw failure("TypeError", "'\(value.typeName)' object is not iterable")
        }
    }

    // MARK: Attributes, items, slices

    private func missing(_ name: String, of value: TemplateValue) -> TemplateValue {
        if case .none = value { return .undefined("'None' has no attribute '\(name)'") }
        return .undefined("'\(value.typeName) object' has no attribute '\(name)'")
    }

    func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        if case .undefined(let what) = value { throw failure("UndefinedError", what) }
        if let method = Methods.method(name, of: value) { return method }
        switch value {
        case .dictionary(let dictionary): return dictionary[.string(name)] ?? missing(name, of: value)
        case .object(let object): return object.attributes[name] ?? missing(name, of: value)
        // What groupby gives names its two parts.
        case .tuple(let elements) where elements.count == 2 && name == "grouper": return elements[0]
        case .tuple(let elements) where elements.count == 2 && name == "list": return elements[1]
        case .range(let range):
            switch name {
            case "start": return .int(range.start)
            case "stop": return .int(range.stop)
            case "step": return .int(range.step)
            default: return missing(name, of: value)
            }
        default: return missing(name, of: value)
        }
    }

    func item(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .undefined(let what): throw failure("UndefinedError", what)
        case .dictionary(let dictionary):
            if let found = dictionary[key] { return found }
        case .list(let elements), .tuple(let elements):
            if let index = key.wholeNumber {
                let place = index < 0 ? index &+ elements.count : index
                if place >= 0, place < elements.count { return elements[place] }
                return .undefined("\(value.typeName) object has no element \(index)")
            }
        case .range(let range):
            if let index = key.wholeNumber {
                let place = index < 0 ? index &+ range.count : index
                return place >= 0 && place < range.count ? range[place] : .undefined("range object has no element \(index)")
            }
        case .string(let text), .markup(let text):
            if let index = key.wholeNumber {
                try charge(text.utf8.count)
                let scalars = Array(text.unicodeScalars)
                let place = index < 0 ? index &+ scalars.count : index
                if place >= 0, place < scalars.count { return .string(String(scalars[place])) }
                return .undefined("str object has no element \(index)")
            }
        default: break
        }
        if let name = key.text { return try attribute(name, of: value) }
        return .undefined("\(value.typeName) object has no element \(PythonText.representation(key))")
    }

    private func sliced(_ value: TemplateValue, _ from: Int?, _ to: Int?, _ stride: Int?) throws(TemplateError) -> TemplateValue {
        switch value {
        case .list(let elements):
            try requireCount(elements.count)
            return .list(try pick(elements, from, to, stride))
        case .tuple(let elements):
            try requireCount(elements.count)
            return .tuple(try pick(elements, from, to, stride))
        case .range(let range):
            let places = try pick(Array(0..<range.count), from, to, stride)
            let step = range.step &* (stride ?? 1)
            let first = places.first.map { range.start &+ $0 &* range.step } ?? range.start
            return .range(
                TemplateRange(start: first, stop: try stop(range, to, stride, first), step: step, count: places.count))
        case .string(let text), .markup(let text):
            try charge(text.utf8.count)
            var view = String.UnicodeScalarView()
            view.append(contentsOf: try pick(Array(text.unicodeScalars), from, to, stride))
            return .string(String(view))
        case .undefined(let what): throw failure("UndefinedError", what)
        default: throw failure("TypeError", "'\(value.typeName)' object is not subscriptable")
        }
    }

    /// Where Python says that a slice of a range ends.
    private func stop(_ range: TemplateRange, _ to: Int?, _ stride: Int?, _ first: Int) throws(TemplateError) -> Int {
        let isDown = (stride ?? 1) < 0
        guard let to else { return range.start &+ (isDown ? -1 : range.count) &* range.step }
        let place =
            to < 0 ? max(isDown ? -1 : 0, to < -range.count ? -1 : to + range.count) : min(to, isDown ? range.count - 1 : range.count)
        return range.start &+ max(place, isDown ? -1 : 0) &* range.step
    }

    /// Python's slice of a sequence.
    private func pick<Element>(_ elements: [Element], _ from: Int?, _ to: Int?, _ stride: Int?) throws(TemplateError) -> [Element] {
        let step = stride ?? 1
        guard step != 0 else { throw failure("ValueError", "slice step cannot be zero") }
        let count = elements.count
        func clamp(_ index: Int, _ low: Int, _ high: Int) -> Int {
            let place = index < 0 ? (index < -count ? -1 : index + count) : index
            return min(max(place, low), high)
        }
        var result: [Element] = []
        if step > 0 {
            var index = from.map { clamp($0, 0, count) } ?? 0
            let end = to.map { clamp($0, 0, count) } ?? count
            while index < end {
                result.append(elements[index])
                let (next, overflow) = index.addingReportingOverflow(step)
                if overflow { break }
                index = next
            }
        } else {
            var index = from.map { clamp($0, -1, count - 1) } ?? count - 1
            let end = to.map { clamp($0, -1, count - 1) } ?? -1
            while index > end {
                result.append(elements[index])
                let (next, overflow) = index.addingReportingOverflow(step)
                if overflow { break }
                index = next
            }
        }
        return result
    }
}
