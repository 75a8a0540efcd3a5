extension Interpreter {
    func run(_ loop: Statement.ForLoop, over iterated: TemplateValue, depth level: Int) throws(TemplateError) {
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

    func rendered(_ loop: Statement.ForLoop, over value: TemplateValue, depth level: Int, in outer: Scope) throws(TemplateError)
        -> String
    {
        try captured { () throws(TemplateError) in
            try nested { () throws(TemplateError) in
                try inScope(outer) { () throws(TemplateError) in try run(loop, over: value, depth: level) }
            }
        }
    }
}
