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
    private var depth = 0
    /// Output is being collected for a value, so places in it are not places in the text.
    private var captureDepth = 0
    /// Scopes that hold a macro, which holds them.
    private var macroScopes: [Scope] = []

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

    /// Lets go of what would keep itself alive. To be called when the rendering is over.
    func release() { for scope in macroScopes { scope.values = [:] } }

    func step() throws(TemplateError) {
        steps += 1
        if steps > limits.steps { throw failure("SecurityError", "the template takes more than \(limits.steps) steps") }
    }

    /// Refuses to make a text longer than allowed.
    func requireSize(_ byteCount: Int) throws(TemplateError) {
        if byteCount > limits.byteCount { throw failure("SecurityError", "the template makes more than \(limits.byteCount) bytes of text") }
    }

    func run(_ statements: [Statement]) throws(TemplateError) { _ = try execute(statements) }

    private func write(_ text: String) throws(TemplateError) {
        try requireSize(output.count + text.utf8.count)
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
                do throws(TemplateError) { try write(PythonText.string(try evaluate(expression))) } catch { throw located(error, line) }
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
            case .assign(let targets, let value, let line):
                do throws(TemplateError) { try assign(try evaluate(value), to: targets, in: scope) } catch { throw located(error, line) }
            case .assignBlock(let target, let filters, let body, let line):
                var value = TemplateValue.string(try inScope(Scope(parent: scope)) { () throws(TemplateError) in try captured(body) })
                for filter in filters { value = try apply(filter, to: value) }
                do throws(TemplateError) { try assign(value, to: [target], in: scope) } catch { throw located(error, line) }
            case .macro(let definition):
                macroScopes.append(scope)
                scope.values[definition.name] = .function(macro(definition, in: scope))
            case .callBlock(let parameters, let call, let body, let line):
                guard case .call(let callee, let arguments, _) = call else { continue }
                let definition = Statement.MacroDefinition(name: "caller", parameters: parameters, body: body, usesCaller: false)
                var passed = try evaluate(arguments)
                passed.named.append(("caller", .function(macro(definition, in: scope))))
                do throws(TemplateError) { try write(PythonText.string(try self.call(try evaluate(callee), passed))) } catch {
                    throw located(error, line)
                }
            case .filterBlock(let filters, let body):
                var value = TemplateValue.string(try inScope(Scope(parent: scope)) { () throws(TemplateError) in try captured(body) })
                for filter in filters { value = try apply(filter, to: value) }
                try write(PythonText.string(value))
            case .with(let values, let body):
                let inner = Scope(parent: scope)
                for (name, value) in values { inner.values[name] = try evaluate(value) }
                let flow = try inScope(inner) { () throws(TemplateError) in try nested { () throws(TemplateError) in try execute(body) } }
                if flow != .normal { return flow }
            case .generation(let body):
                let start = output.count
                try inScope(Scope(parent: scope)) { () throws(TemplateError) in try run(body) }
                if captureDepth == 0 { generationSpans.append(start..<output.count) }
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            case .expression(let expression): _ = try evaluate(expression)
            }
        }
        return .normal
    }

    private func located(_ error: TemplateError, _ line: Int) -> TemplateError {
        var error = error
        if error.line == nil { error.line = line }
        return error
    }

    private func assign(_ value: TemplateValue, to targets: [Statement.Target], in scope: Scope) throws(TemplateError) {
        if targets.count == 1 { return try assign(value, to: targets[0], in: scope) }
        let elements = try iterate(value)
        guard elements.count == targets.count else {
            throw failure(
                "ValueError",
                elements.count > targets.count
                    ? "too many values to unpack (expected \(targets.count))"
                    : "not enough values to unpack (expected \(targets.count), got \(elements.count))")
        }
        for (target, element) in zip(targets, elements) { try assign(element, to: target, in: scope) }
    }

    private func assign(_ value: TemplateValue, to target: Statement.Target, in scope: Scope) throws(TemplateError) {
        guard let attribute = target.attribute else {
            scope.values[target.name] = value
            return
        }
        guard case .object(let object)? = self.scope.value(target.name), object.kindName == "Namespace" else {
            throw failure("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
        }
        object.attributes[attribute] = value
    }

    private func run(_ loop: Statement.ForLoop, over iterated: TemplateValue, depth level: Int) throws(TemplateError) {
        var elements = try iterate(iterated)
        let outer = scope
        if let condition = loop.condition {
            var kept: [TemplateValue] = []
            for element in elements {
                try step()
                let inner = Scope(parent: outer)
                try assign(element, to: loop.targets, in: inner)
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
            TemplateFunction(name: "changed") { _, arguments throws(TemplateError) in
                let value = TemplateValue.tuple(arguments.positional)
                let isSame = memory.attributes["last"].map { TemplateValue.equal($0, value) } ?? false
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
            try assign(element, to: loop.targets, in: inner)
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

    private func macro(_ definition: Statement.MacroDefinition, in definitionScope: Scope) -> TemplateFunction {
        TemplateFunction(name: definition.name) { interpreter, arguments throws(TemplateError) in
            let inner = Scope(parent: definitionScope)
            let names = Set(definition.parameters.map(\.name))
            for (index, parameter) in definition.parameters.enumerated() {
                if let value = arguments.value(index, parameter.name) {
                    inner.values[parameter.name] = value
                } else if let value = parameter.defaultValue {
                    inner.values[parameter.name] = try interpreter.inScope(inner) { () throws(TemplateError) in
                        try interpreter.evaluate(value)
                    }
                } else {
                    inner.values[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
                }
            }
            inner.values["varargs"] = .tuple(Array(arguments.positional.dropFirst(definition.parameters.count)))
            let others = arguments.named.filter { !names.contains($0.name) && $0.name != "caller" }
            inner.values["kwargs"] = .dictionary(TemplateDictionary(others.map { (.string($0.name), $0.value) }))
            if definition.usesCaller {
                inner.values["caller"] = arguments.named.first { $0.name == "caller" }?.value ?? .undefined("No caller defined")
            }
            return .string(
                try interpreter.nested { () throws(TemplateError) in
                    try interpreter.inScope(inner) { () throws(TemplateError) in try interpreter.captured(definition.body) }
                })
        }
    }

    // MARK: Expressions

    func evaluate(_ arguments: [Argument]) throws(TemplateError) -> Arguments {
        var result = Arguments()
        for argument in arguments {
            let value = try evaluate(argument.value)
            switch argument.kind {
            case .positional: result.positional.append(value)
            case .named(let name): result.named.append((name, value))
            case .spread: result.positional += try iterate(value)
            case .spreadNamed:
                guard case .dictionary(let dictionary) = value else { throw failure("TypeError", "argument after ** must be a mapping") }
                for entry in dictionary.entries { result.named.append((PythonText.string(entry.key), entry.value)) }
            }
        }
        return result
    }

    func evaluate(_ expression: Expression) throws(TemplateError) -> TemplateValue {
        try step()
        switch expression {
        case .literal(let value): return value
        case .name(let name, _): return scope.value(name) ?? .undefined("'\(name)' is undefined")
        case .list(let elements): return .list(try evaluateAll(elements))
        case .tuple(let elements): return .tuple(try evaluateAll(elements))
        case .dictionary(let entries):
            var dictionary = TemplateDictionary()
            for (key, value) in entries { dictionary[try evaluate(key)] = try evaluate(value) }
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
            if let number = value.wholeNumber { return .int(0 &- number) }
            if case .double(let number) = value { return .double(-number) }
            throw located(operandFailure(value, "bad operand type for unary -: '\(value.typeName)'"), line)
        case .plus(let inner, let line):
            let value = try evaluate(inner)
            guard value.number != nil else {
                throw located(operandFailure(value, "bad operand type for unary +: '\(value.typeName)'"), line)
            }
            return value
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
                text += PythonText.string(try evaluate(part))
                try requireSize(text.utf8.count)
            }
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

    /// The elements that a loop sees.
    func iterate(_ value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let elements), .tuple(let elements): return elements
        case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
        case .dictionary(let dictionary): return dictionary.entries.map(\.key)
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
        case .string(let text):
            if let index = key.wholeNumber {
                let scalars = Array(text.unicodeScalars)
                let place = index < 0 ? index &+ scalars.count : index
                if place >= 0, place < scalars.count { return .string(String(scalars[place])) }
                return .undefined("str object has no element \(index)")
            }
        default: break
        }
        if case .string(let name) = key { return try attribute(name, of: value) }
        return .undefined("\(value.typeName) object has no element \(PythonText.representation(key))")
    }

    private func sliced(_ value: TemplateValue, _ from: Int?, _ to: Int?, _ stride: Int?) throws(TemplateError) -> TemplateValue {
        switch value {
        case .list(let elements): return .list(try pick(elements, from, to, stride))
        case .tuple(let elements): return .tuple(try pick(elements, from, to, stride))
        case .string(let text):
            var view = String.UnicodeScalarView()
            view.append(contentsOf: try pick(Array(text.unicodeScalars), from, to, stride))
            return .string(String(view))
        case .undefined(let what): throw failure("UndefinedError", what)
        default: throw failure("TypeError", "'\(value.typeName)' object is not subscriptable")
        }
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
