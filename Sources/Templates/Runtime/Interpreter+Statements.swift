extension Interpreter {
    func execute(_ statements: [Statement]) throws(TemplateError) -> Flow {
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
            case .block(let block):
                do throws(TemplateError) { try show(block) } catch { throw located(error, block.line) }
            case .unavailable(let type, let message, let line): throw failure(type, message, line)
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .normal
    }

    func assign(_ value: TemplateValue, to target: Statement.Target, in scope: Scope) throws(TemplateError) {
        switch target {
        case .name(let name):
            try requireShallow(value)
            scope.values[name] = value
        case .attribute(let name, let attribute):
            guard case .object(let object)? = self.scope.value(name), object.kindName == "Namespace" else {
                throw failure("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
            }
            try requireShallow(value)
            try requireOpen(attribute)
            object.set(attribute, value)
        case .tuple(let targets):
            if case .undefined(let what) = value { throw undefined(what) }
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
}
