package import JSON

extension Automaton {
    /// The values that a JSON Schema takes.
    /// - Throws: ``ConstraintError`` for what cannot be enforced, and for a schema without values.
    package init(schema: JSONNode) throws(ConstraintError) {
        var compiler = try SchemaCompiler()
        var ignored: [String] = []
        let end = try compiler.builder.add(.end)
        let start = try compiler.add(schema, isLoose: false, &ignored, end)
        self.init(nodes: compiler.builder.nodes, start: start, parts: compiler.builder.parts)
    }

    /// Any object.
    /// - Throws: never in fact.
    package static func anyObject() throws(ConstraintError) -> Automaton { try Automaton(schema: ["type": "object"]) }
}
