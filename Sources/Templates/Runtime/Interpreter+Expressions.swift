extension Interpreter {
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
                guard Tests.isKnown(name) else { throw failure("TemplateRuntimeError", "No test named '\(name)' found.") }
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

    func evaluateAll(_ expressions: [Expression]) throws(TemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    func bound(_ expression: Expression?) throws(TemplateError) -> Int? {
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
        if case .undefined(let what) = value { return undefined(what) }
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
        guard Filters.isKnown(filter.name) else {
            throw failure("TemplateRuntimeError", "No filter named '\(filter.name)' found.")
        }
        return try Filters.apply(filter.name, value, try evaluate(filter.arguments), self)
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
        case .bytes(let bytes):
            try requireCount(bytes.count)
            return bytes.map { .int(Int($0)) }
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
}
