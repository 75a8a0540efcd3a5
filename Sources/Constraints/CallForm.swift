package import JSON

/// How a model writes calls of tools: what stands around the names and the arguments.
package struct CallForm: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        case text([UInt8])
        /// The call's id, as the model makes it up: so many letters and digits.
        case identifier(length: Int)
    }
    /// Before the first call's name.
    package var opening: [Piece]
    /// Between a call's name and its arguments.
    package var middle: [Piece]
    /// Between a call's arguments and the next one's name; nil where a turn holds one call.
    package var between: [Piece]?
    /// Behind the last call's arguments.
    package var closing: [Piece]
    /// The beginning of `opening` that tells a call from other text.
    package var trigger: [UInt8]
    /// Whether a call is told by its trigger at the beginning of an answer alone.
    package var isOnlyAtStart: Bool

    package init(
        opening: [Piece], middle: [Piece], between: [Piece]?, closing: [Piece], trigger: [UInt8], isOnlyAtStart: Bool = false
    ) {
        (self.opening, self.middle, self.between, self.closing) = (opening, middle, between, closing)
        (self.trigger, self.isOnlyAtStart) = (trigger, isOnlyAtStart)
    }

    /// The form for models whose template knows no tools: what most models have seen.
    package static let generic = CallForm(
        opening: [.text(Array("<tool_call>\n{\"name\": \"".utf8))], middle: [.text(Array("\", \"arguments\": ".utf8))],
        between: [.text(Array("}\n</tool_call>\n<tool_call>\n{\"name\": \"".utf8))], closing: [.text(Array("}\n</tool_call>".utf8))],
        trigger: Array("<tool_call>".utf8))

    /// Texts of a call's frame, in which control tokens may stand.
    package var texts: [[UInt8]] {
        (opening + middle + (between ?? []) + closing).compactMap { if case .text(let bytes) = $0 { bytes } else { nil } }
    }
}

/// A tool that a model may call.
package struct CallableTool: Sendable, Hashable {
    package var name: String
    /// The JSON Schema of its arguments; nil: it has none.
    package var parameters: JSONNode?
    /// Whether a schema that cannot be enforced whole is refused.
    package var isStrict: Bool

    package init(name: String, parameters: JSONNode?, isStrict: Bool) {
        (self.name, self.parameters, self.isStrict) = (name, parameters, isStrict)
    }
}

extension Automaton {
    /// Calls of tools in a form.
    /// - Parameters:
    ///   - isTriggered: whether the form's trigger stands there already.
    ///   - allowsSeveral: whether there may be more than one call.
    ///   - ignored: where the places of what cannot be enforced are added, by the tool's number.
    /// - Throws: ``ConstraintError``, whose path begins with the tool's number.
    package init(
        callsOf tools: [CallableTool], in form: CallForm, isTriggered: Bool, allowsSeveral: Bool, ignored: inout [(tool: Int, path: String)]
    ) throws(ConstraintError) {
        var compiler = try SchemaCompiler()
        let end = try compiler.builder.add(.end)
        let after = try compiler.builder.reserve()
        var names: [Int32] = []
        for (index, tool) in tools.enumerated() {
            var left: [String] = []
            let arguments: Int32
            do throws(ConstraintError) {
                let schema = tool.parameters ?? ["type": "object", "properties": [:]]
                arguments = try compiler.add(schema, isLoose: !tool.isStrict, &left, after)
            } catch {
                throw ConstraintError("[\(index)]\(error.path)", error.reason)
            }
            ignored += left.map { (index, $0) }
            names.append(try compiler.builder.literal(tool.name, try compiler.builder.pieces(form.middle, arguments)))
        }
        let call = try compiler.builder.choice(names)
        var choices = [try compiler.builder.pieces(form.closing, end)]
        if allowsSeveral, let between = form.between { choices.append(try compiler.builder.pieces(between, call)) }
        compiler.builder.set(after, to: choices)
        var opening = form.opening
        if isTriggered, case .text(let bytes)? = opening.first { opening[0] = .text(Array(bytes.dropFirst(form.trigger.count))) }
        let start = try compiler.builder.pieces(opening, call)
        self.init(nodes: compiler.builder.nodes, start: start, parts: compiler.builder.parts)
    }
}

extension AutomatonBuilder {
    mutating func pieces(_ pieces: [CallForm.Piece], _ next: Int32) throws(ConstraintError) -> Int32 {
        var node = next
        for piece in pieces.reversed() {
            switch piece {
            case .text(let bytes): node = try literal(bytes, node)
            case .identifier(let length):
                for _ in 0..<length {
                    node = try add(
                        .split([
                            try add(.range(0x30, 0x39, next: node)), try add(.range(0x41, 0x5A, next: node)),
                            try add(.range(0x61, 0x7A, next: node)),
                        ]))
                }
            }
        }
        return node
    }
}
