import JSON

/// Makes an automaton of a schema: what it takes is JSON in one form, without white space but for
/// at most one space behind a colon or a comma, properties in the order of the schema.
struct SchemaCompiler {
    var builder = AutomatonBuilder()
    /// The part that takes any value.
    private let anyPart: Int
    private var references: [Schema] = []
    /// The number of the first reference's part.
    private var firstPart = 0
    /// What each schema that is referred to needs of arrays and objects within each other.
    private var nesting: [Int] = []

    init() throws(ConstraintError) {
        anyPart = builder.addParts(1)
        let end = try builder.add(.end)
        builder.set(part: anyPart, to: try anyValue(end))
    }

    /// Adds the values that a schema takes.
    /// - Parameters:
    ///   - isLoose: whether what cannot be enforced is left out, rather than refused.
    ///   - ignored: where the places of what was left out are added.
    /// - Throws: ``ConstraintError``.
    mutating func add(_ node: JSONNode, isLoose: Bool, _ ignored: inout [String], _ next: Int32) throws(ConstraintError) -> Int32 {
        var reader = SchemaReader(node, isLoose: isLoose)
        let schema = try reader.read()
        ignored += reader.ignored
        references = reader.references
        nesting = Array(repeating: Schema.endless, count: references.count)
        while true {
            let next = references.map { $0.nesting(nesting) }
            if next == nesting { break }
            nesting = next
        }
        guard schema.nesting(nesting) <= Automaton.nestingLimit else {
            throw ConstraintError("", "has no value of at most \(Automaton.nestingLimit) levels")
        }
        try Self.requireProgress(references)
        firstPart = builder.addParts(references.count)
        let end = try builder.add(.end)
        for (number, schema) in references.enumerated() where schema.nesting(nesting) <= Automaton.nestingLimit {
            builder.set(part: firstPart + number, to: try value(schema, 0, end))
        }
        return try value(schema, 0, next)
    }

    /// What refers to itself must have an array or an object in between.
    private static func requireProgress(_ references: [Schema]) throws(ConstraintError) {
        // 1: being walked, 2: done.
        var marks = [Int](repeating: 0, count: references.count)
        func visit(_ number: Int) throws(ConstraintError) {
            if marks[number] == 2 { return }
            guard marks[number] == 0 else { throw ConstraintError("", "refers to itself without an array or an object in between") }
            marks[number] = 1
            for next in references[number].directReferences { try visit(next) }
            marks[number] = 2
        }
        for number in references.indices { try visit(number) }
    }

    /// Passes where a schema's least value still fits in.
    private mutating func gate(_ schema: Schema, _ depth: Int, _ node: Int32) throws(ConstraintError) -> Int32 {
        let needed = depth + schema.nesting(nesting)
        return try builder.add(.gate(nesting: Int32(truncatingIfNeeded: needed), next: node))
    }

    // MARK: Values

    /// - Parameter depth: arrays and objects that are open around the value within its part.
    mutating func value(_ schema: Schema, _ depth: Int, _ next: Int32) throws(ConstraintError) -> Int32 {
        switch schema {
        case .any: return try builder.add(.call(part: Int32(anyPart), nesting: Int32(depth), next: next))
        case .reference(let number): return try builder.add(.call(part: Int32(firstPart + number), nesting: Int32(depth), next: next))
        case .null: return try builder.literal("null", next)
        case .boolean: return try builder.anyOf([Array("true".utf8), Array("false".utf8)], next)
        case .number(let range): return try number(range, next)
        case .string(let text): return try string(text, next)
        case .values(let values): return try builder.anyOf(values, next)
        case .array(let first, let rest, let least, let most): return try array(first, rest, least, most, depth, next)
        case .object(let properties, let others): return try object(properties, others, depth, next)
        case .anyOf(let choices):
            var nodes: [Int32] = []
            for choice in choices { nodes.append(try gate(choice, depth, try value(choice, depth, next))) }
            return try builder.choice(nodes)
        }
    }

    /// Any value at all.
    private mutating func anyValue(_ next: Int32) throws(ConstraintError) -> Int32 {
        let array = Schema.array(first: [], rest: .any, least: 0, most: nil)
        let object = Schema.object([], others: .any)
        return try value(.anyOf([.null, .boolean, .number(.init(isWhole: false)), .string(.init()), array, object]), 0, next)
    }

    mutating func string(_ text: Schema.Text, _ next: Int32) throws(ConstraintError) -> Int32 {
        let quote = try builder.add(.range(0x22, 0x22, next: next))
        if let pattern = text.pattern {
            let isBounded = text.least > 0 || text.most != nil
            let inner = isBounded ? try self.text(pattern, least: text.least, most: text.most, quote) : try self.pattern(pattern, quote)
            return try builder.add(.range(0x22, 0x22, next: inner))
        }
        let body = try builder.reserve()
        let all: [ClosedRange<UInt32>] = [0...0x10FFFF]
        if text.least == 0, text.most == nil {
            builder.set(body, to: [quote, try builder.character(all, body)])
            return try builder.add(.range(0x22, 0x22, next: body))
        }
        // The counter is set back at the end too, so that all strings go on alike.
        let close = try builder.add(
            .counted(Int32(text.least), next: try builder.add(.range(0x22, 0x22, next: try builder.add(.reset(next: next))))))
        let one = try builder.character(all, body)
        let counted = try builder.add(.count(limit: text.most.map { Int32($0) } ?? -1, enough: Int32(text.least), next: one))
        builder.set(body, to: [close, counted])
        return try builder.add(.range(0x22, 0x22, next: try builder.add(.reset(next: body))))
    }

    private mutating func pattern(_ pattern: Pattern, _ next: Int32) throws(ConstraintError) -> Int32 {
        switch pattern {
        case .empty: return next
        case .character(let ranges):
            return try builder.character(CharacterRanges.acrossSurrogates(ranges), next)
        case .sequence(let parts):
            var node = next
            for part in parts.reversed() { node = try self.pattern(part, node) }
            return node
        case .anyOf(let choices):
            var nodes: [Int32] = []
            for choice in choices { nodes.append(try self.pattern(choice, next)) }
            return try builder.choice(nodes)
        case .repeated(let inner, let least, let most):
            var node = next
            if let most {
                for _ in least..<max(least, most) { node = try builder.choice([next, try self.pattern(inner, node)]) }
            } else {
                let loop = try builder.reserve()
                builder.set(loop, to: [next, try self.pattern(inner, loop)])
                node = loop
            }
            for _ in 0..<least { node = try self.pattern(inner, node) }
            return node
        }
    }

    // MARK: Arrays and objects

    private mutating func array(
        _ first: [Schema], _ rest: Schema?, _ least: Int, _ most: Int?, _ depth: Int, _ next: Int32
    ) throws(ConstraintError) -> Int32 {
        let close = try builder.add(.range(0x5D, 0x5D, next: next))
        let inside = depth + 1
        func isOpen(_ index: Int) -> Bool { most.map { index < $0 } ?? true }
        // How many elements have places of their own.
        let fixed = max(least, first.count, most ?? 0)
        /// Behind the last of them.
        var node = close
        if most == nil, let rest {
            let loop = try builder.reserve()
            let element = try gate(rest, inside, try comma(try value(rest, inside, loop)))
            builder.set(loop, to: [close, element])
            node = loop
        }
        // From the last to the first: `node` is what may follow an element, so many of them read.
        var start: Int32?
        for index in stride(from: fixed - 1, through: 0, by: -1) {
            guard isOpen(index), let schema = index < first.count ? first[index] : rest else { continue }
            let element = try value(schema, inside, node)
            let choice = try gate(schema, inside, index == 0 ? element : try comma(element))
            let mayEnd = index >= least
            let before = mayEnd ? try builder.choice([close, choice]) : choice
            if index == 0 { start = before } else { node = before }
        }
        if start == nil {
            if let rest, isOpen(0), fixed == 0 {
                start = try builder.choice([close, try gate(rest, inside, try value(rest, inside, node))])
            } else {
                start = close
            }
        }
        return try builder.add(.range(0x5B, 0x5B, next: start ?? close))
    }

    private mutating func comma(_ next: Int32) throws(ConstraintError) -> Int32 {
        try builder.add(.range(0x2C, 0x2C, next: try builder.space(next)))
    }

    private mutating func object(
        _ properties: [Schema.Property], _ others: Schema?, _ depth: Int, _ next: Int32
    ) throws(ConstraintError) -> Int32 {
        let close = try builder.add(.range(0x7D, 0x7D, next: next))
        let inside = depth + 1
        /// What may follow when something has been said, and when nothing has.
        var (after, atStart) = (close, close)
        if let others {
            let loop = try builder.reserve()
            let colon = try builder.add(.range(0x3A, 0x3A, next: try builder.space(try value(others, inside, loop))))
            let member = try gate(others, inside, try key(except: properties.map(\.name), colon))
            builder.set(loop, to: [close, try comma(member)])
            (after, atStart) = (loop, try builder.choice([close, member]))
        }
        for property in properties.reversed() {
            let colon = try builder.add(.range(0x3A, 0x3A, next: try builder.space(try value(property.schema, inside, after))))
            let member = try builder.literal(JSONWriter().bytes(JSONNode(property.name)), colon)
            if property.isRequired {
                (after, atStart) = (try comma(member), member)
            } else {
                let open = try gate(property.schema, inside, member)
                (after, atStart) = (try builder.choice([after, try comma(open)]), try builder.choice([atStart, open]))
            }
        }
        return try builder.add(.range(0x7B, 0x7B, next: atStart))
    }

    /// A key that is none of some names, in the one form in which it can be written.
    private mutating func key(except names: [String], _ next: Int32) throws(ConstraintError) -> Int32 {
        let quote = try builder.add(.range(0x22, 0x22, next: next))
        let body = try builder.reserve()
        builder.set(body, to: [quote, try builder.character([0...0x10FFFF], body)])
        let start = try differing(names.map { Array($0.unicodeScalars.map(\.value)) }, quote, body)
        return try builder.add(.range(0x22, 0x22, next: start))
    }

    /// What differs from all of some texts.
    private mutating func differing(_ texts: [[UInt32]], _ quote: Int32, _ body: Int32) throws(ConstraintError) -> Int32 {
        guard !texts.isEmpty else { return body }
        var choices = texts.contains(where: \.isEmpty) ? [] : [quote]
        let groups = Dictionary(grouping: texts.filter { !$0.isEmpty }) { $0[0] }
        for scalar in groups.keys.sorted() {
            let rest = (groups[scalar] ?? []).map { Array($0.dropFirst()) }
            choices.append(try builder.character([scalar...scalar], try differing(rest, quote, body)))
        }
        let others = CharacterRanges.complement(groups.keys.map { $0...$0 })
        // Beyond ASCII nearly all names have nothing: one set of nodes for all of them.
        let isPlain = groups.keys.allSatisfy { $0 < 0x80 }
        choices.append(
            try builder.character(isPlain ? others.filter { $0.upperBound < 0x80 } + (try wideOf(others)) : others, body))
        return try builder.choice(choices)
    }

    private func wideOf(_ ranges: [ClosedRange<UInt32>]) throws(ConstraintError) -> [ClosedRange<UInt32>] {
        // The range that crosses the border ends at the surrogates; the rest begins behind them.
        let crossing = ranges.filter { $0.lowerBound < 0x80 && $0.upperBound >= 0x80 }
        return crossing.map { $0.lowerBound...0x7F } + [AutomatonBuilder.beyondASCII]
    }
}
