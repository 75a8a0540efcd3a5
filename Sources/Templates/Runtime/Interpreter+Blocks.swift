/// `{% block %}` and `self`, which shows a block again.
extension Interpreter {
    func show(_ block: Statement.Block) throws(TemplateError) {
        guard !block.isRequired else { throw failure("TemplateRuntimeError", "Required block '\(block.name)' not found") }
        let inner = Scope(parent: block.isScoped ? scope : templateScope)
        inner.values["super"] = .undefined("there is no parent block called '\(block.name)'.")
        try nested { () throws(TemplateError) in try inScope(inner) { () throws(TemplateError) in try run(block.body) } }
    }

    /// What `self` stands for.
    func reference() -> TemplateObject {
        let object = TemplateObject(kindName: "TemplateReference")
        for block in blocks.values {
            object.attributes[block.name] = .function(
                TemplateFunction(name: block.name) { interpreter, _ throws(TemplateError) in
                    .string(
                        try interpreter.captured { () throws(TemplateError) in
                            try interpreter.inScope(interpreter.templateScope) { () throws(TemplateError) in try interpreter.show(block) }
                        })
                })
        }
        return object
    }
}
