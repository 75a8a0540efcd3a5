import JSON

/// Reads a JSON Schema of a request.
///
/// What cannot be enforced is an error, or is left out and noted where the schema need not be kept
/// to strictly. Objects have the properties that are named, and others only where
/// `additionalProperties` says so: what is left out of a wider schema still satisfies it.
struct SchemaReader {
    let root: JSONNode
    /// Whether what cannot be enforced is left out.
    private let isLoose: Bool
    private(set) var ignored: [String] = []
    /// Schemas to which `$ref` leads, by its text.
    var numbers: [String: Int] = [:]
    var references: [Schema] = []
    /// Schemas that references lead to and that have not been read.
    var unread: [(number: Int, node: JSONNode, path: String)] = []
    /// The choices of each `oneOf`, of which no two may fit a value.
    var alternatives: [(choices: [Schema], path: String)] = []
    private var depth = 0

    private static let depthLimit = 48
    static let referenceLimit = 1_000
    static let elementLimit = 10_000

    init(_ root: JSONNode, isLoose: Bool) { (self.root, self.isLoose) = (root, isLoose) }

    /// The schema, with those that it refers to.
    /// - Throws: ``ConstraintError``.
    mutating func read() throws(ConstraintError) -> Schema {
        let schema = try schema(root, "")
        // What references lead to is read one after the other: chains of them may be long.
        while !unread.isEmpty {
            let next = unread.removeFirst()
            references[next.number] = try self.schema(next.node, next.path)
        }
        for (choices, path) in alternatives where !SchemaDistinctness.areDistinct(choices, references) {
            try refuse(path, "has schemas that one value may satisfy together: use anyOf, or a const property that tells them apart")
        }
        return schema
    }

    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$defs", "definitions", "deprecated",
        "readOnly", "writeOnly", "discriminator", "$anchor",
    ]
    static let known: Set<String> = [
        "type", "properties", "required", "additionalProperties", "items", "prefixItems", "enum", "const", "anyOf", "oneOf", "allOf",
        "$ref", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
        "format",
    ]

    mutating func schema(_ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw ConstraintError(path, "is nested more than \(Self.depthLimit) levels deep") }
        if node.bool == true { return .any }
        guard let members = node.object else { throw ConstraintError(path, "is \(node.kindName), but must be an object") }
        for member in members where !Self.annotations.contains(member.key) && !Self.known.contains(member.key) {
            try refuse("\(path).\(member.key)", "is not supported")
        }
        if let reference = node["$ref"] { return try self.reference(reference, node, path) }
        for name in ["anyOf", "oneOf", "allOf"] {
            if let choices = node[name] { return try combination(name, choices, node, path) }
        }
        if let value = node["const"] { return .values([JSONWriter().bytes(value)]) }
        if let values = node["enum"] { return try enumeration(values, node, path) }
        let types = try self.types(node, path)
        guard !types.isEmpty else { return .any }
        let choices = try types.map { type throws(ConstraintError) in try typed(type, node, path) }
        return choices.count == 1 ? choices[0] : .anyOf(choices)
    }

    /// - Throws: unless what cannot be enforced may be left out.
    mutating func refuse(_ path: String, _ reason: String) throws(ConstraintError) {
        guard isLoose else { throw ConstraintError(path, reason) }
        if !ignored.contains(path) { ignored.append(path) }
    }

    // MARK: Values

    private func types(_ node: JSONNode, _ path: String) throws(ConstraintError) -> [String] {
        let names = ["null", "boolean", "integer", "number", "string", "array", "object"]
        if let type = node["type"] {
            let given = type.array ?? [type]
            let types = given.compactMap(\.string)
            guard types.count == given.count, !types.isEmpty, types.allSatisfy(names.contains), Set(types).count == types.count else {
                throw ConstraintError("\(path).type", "must be one of \(names.joined(separator: ", ")), or a list of them")
            }
            // A whole number is a number.
            return types.contains("number") ? types.filter { $0 != "integer" } : types
        }
        // The keywords tell what is meant.
        let groups: [(String, [String])] = [
            ("object", ["properties", "required", "additionalProperties"]), ("array", ["items", "prefixItems", "minItems", "maxItems"]),
            ("string", ["minLength", "maxLength", "pattern", "format"]),
            ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
        ]
        return groups.filter { $0.1.contains { node[$0] != nil } }.map(\.0)
    }

    private mutating func typed(_ type: String, _ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        switch type {
        case "null": .null
        case "boolean": .boolean
        case "integer", "number": try number(node, isWhole: type == "integer", path)
        case "string": try string(node, path)
        case "array": try array(node, path)
        default: try object(node, path)
        }
    }

    private func whole(_ node: JSONNode, _ name: String, _ path: String) throws(ConstraintError) -> Int? {
        guard let value = node[name] else { return nil }
        guard let number = value.integer, number >= 0 else { throw ConstraintError("\(path).\(name)", "must be a whole number from 0 on") }
        return min(number, Self.elementLimit + 1)
    }

    private func number(_ node: JSONNode, isWhole: Bool, _ path: String) throws(ConstraintError) -> Schema {
        var range = Schema.NumberRange(isWhole: isWhole)
        func bound(_ name: String) throws(ConstraintError) -> Decimal? {
            guard let value = node[name] else { return nil }
            guard value.double != nil, let decimal = Decimal(JSONWriter().string(value)) else {
                throw ConstraintError("\(path).\(name)", "must be a number")
            }
            return decimal
        }
        (range.least, range.most) = (try bound("minimum"), try bound("maximum"))
        if let bound = try bound("exclusiveMinimum"), range.least.map({ !bound.isLess(than: $0) }) ?? true {
            (range.least, range.excludesLeast) = (bound, true)
        }
        if let bound = try bound("exclusiveMaximum"), range.most.map({ !$0.isLess(than: bound) }) ?? true {
            (range.most, range.excludesMost) = (bound, true)
        }
        return .number(range)
    }

    private mutating func string(_ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        var text = Schema.Text()
        text.least = try whole(node, "minLength", path) ?? 0
        text.most = try whole(node, "maxLength", path)
        if let most = text.most, most < text.least { throw ConstraintError("\(path).maxLength", "is below minLength") }
        if let value = node["format"] {
            guard let name = value.string else { throw ConstraintError("\(path).format", "must be a string") }
            if let pattern = StringFormats.patterns[name] {
                text.pattern = try? PatternReader.read(pattern)
            } else {
                try refuse("\(path).format", "is \(JSONWriter().string(value)), which is not supported")
            }
        }
        if let value = node["pattern"] {
            guard let source = value.string else { throw ConstraintError("\(path).pattern", "must be a string") }
            if text.pattern != nil {
                try refuse("\(path).pattern", "stands beside a format: one of them can be kept to")
            } else {
                do throws(PatternReader.Failure) { text.pattern = try PatternReader.read(source) } catch {
                    try refuse("\(path).pattern", error.reason)
                }
            }
        }
        return .string(text)
    }

    private mutating func array(_ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        var first: [Schema] = []
        if let given = node["prefixItems"] {
            guard let elements = given.array else { throw ConstraintError("\(path).prefixItems", "must be a list of schemas") }
            for (index, element) in elements.enumerated() { first.append(try schema(element, "\(path).prefixItems[\(index)]")) }
        }
        var rest: Schema? = .any
        if let items = node["items"] { rest = items.bool == false ? nil : try schema(items, "\(path).items") }
        let least = try whole(node, "minItems", path) ?? 0
        let most = try whole(node, "maxItems", path)
        if let most, most < least { throw ConstraintError("\(path).maxItems", "is below minItems") }
        if rest == nil, least > first.count { throw ConstraintError("\(path).minItems", "is more than there can be") }
        return .array(first: first, rest: rest, least: least, most: most)
    }

    private mutating func object(_ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        var required: Set<String> = []
        if let given = node["required"] {
            let names = given.array?.compactMap(\.string) ?? []
            guard let elements = given.array, names.count == elements.count else {
                throw ConstraintError("\(path).required", "must be a list of names")
            }
            required = Set(names)
        }
        var properties: [Schema.Property] = []
        if let given = node["properties"] {
            guard let members = given.object else { throw ConstraintError("\(path).properties", "must be an object of schemas") }
            for member in members {
                let inner = try schema(member.node, "\(path).properties.\(member.key)")
                properties.append(.init(name: member.key, schema: inner, isRequired: required.remove(member.key) != nil))
            }
        }
        var others: Schema? = node["properties"] == nil && required.isEmpty ? .any : nil
        if let given = node["additionalProperties"] {
            others = given.bool == false ? nil : try schema(given, "\(path).additionalProperties")
        }
        for name in required.sorted() {
            guard let others else { throw ConstraintError("\(path).required", "names \(name), which is none of the properties") }
            properties.append(.init(name: name, schema: others, isRequired: true))
        }
        return .object(properties, others: others)
    }

    private func enumeration(_ values: JSONNode, _ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        guard let elements = values.array, !elements.isEmpty, elements.count <= Self.elementLimit else {
            throw ConstraintError("\(path).enum", "must be a list of 1 to \(Self.elementLimit) values")
        }
        var fitting = elements
        if node["type"] != nil {
            let types = try self.types(node, path)
            fitting = elements.filter { types.contains(Self.type(of: $0)) || (types.contains("number") && $0.double != nil) }
            guard !fitting.isEmpty else { throw ConstraintError("\(path).enum", "has no value of the type") }
        }
        return .values(Array(Set(fitting.map { JSONWriter().bytes($0) })).sorted { $0.lexicographicallyPrecedes($1) })
    }

    private static func type(of node: JSONNode) -> String {
        switch node.value {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .bigInteger: "integer"
        case .double(let number): number == number.rounded() ? "integer" : "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
