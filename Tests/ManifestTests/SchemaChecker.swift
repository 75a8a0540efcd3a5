import JSON

/// As much of JSON Schema as `docs/manifest.schema.json` uses. A keyword that it does not know is
/// an error: nothing passes unread.
struct SchemaChecker {
    struct UnknownKeyword: Error { let keyword: String }

    func accepts(_ node: JSONNode, _ schema: JSONNode) throws -> Bool {
        if let flag = schema.bool { return flag }
        for member in schema.object ?? [] {
            guard try holds(member.key, member.node, node, schema) else { return false }
        }
        return true
    }

    private func holds(_ keyword: String, _ value: JSONNode, _ node: JSONNode, _ schema: JSONNode) throws -> Bool {
        switch keyword {
        case "$schema", "title", "description", "default", "then": return true
        case "type": return (value.array ?? [value]).contains { isOf(type: $0.string, node) }
        case "enum": return (value.array ?? []).contains { equal($0, node) }
        case "const": return equal(value, node)
        case "minimum": return try compare(node, value) { $0 >= $1 }
        case "maximum": return try compare(node, value) { $0 <= $1 }
        case "minLength": return node.string.map { $0.unicodeScalars.count >= value.integer ?? 0 } ?? true
        case "maxLength": return node.string.map { $0.unicodeScalars.count <= value.integer ?? 0 } ?? true
        case "pattern":
            let pattern = try Regex(value.string ?? "").matchingSemantics(.unicodeScalar)
            return node.string.map { $0.firstMatch(of: pattern) != nil } ?? true
        case "minItems": return node.array.map { $0.count >= value.integer ?? 0 } ?? true
        case "maxItems": return node.array.map { $0.count <= value.integer ?? 0 } ?? true
        case "items": return try (node.array ?? []).allSatisfy { try accepts($0, value) }
        case "minProperties": return node.object.map { $0.count >= value.integer ?? 0 } ?? true
        case "maxProperties": return node.object.map { $0.count <= value.integer ?? 0 } ?? true
        case "propertyNames": return try (node.object ?? []).allSatisfy { try accepts(JSONNode($0.key), value) }
        case "required": return node.object == nil || (value.array ?? []).allSatisfy { $0.string.map { node[$0] != nil } ?? false }
        case "properties":
            return try (node.object ?? []).allSatisfy { member in try value[member.key].map { try accepts(member.node, $0) } ?? true }
        case "additionalProperties":
            return try (node.object ?? []).allSatisfy { member in
                try schema["properties"]?[member.key] != nil || accepts(member.node, value)
            }
        case "anyOf": return try (value.array ?? []).contains { try accepts(node, $0) }
        case "allOf": return try (value.array ?? []).allSatisfy { try accepts(node, $0) }
        case "not": return try !accepts(node, value)
        case "if":
            guard let consequence = schema["then"], try accepts(node, value) else { return true }
            return try accepts(node, consequence)
        default: throw UnknownKeyword(keyword: keyword)
        }
    }

    private func isOf(type: String?, _ node: JSONNode) -> Bool {
        switch type {
        case "null": node.isNull
        case "boolean": node.bool != nil
        case "string": node.string != nil
        case "array": node.array != nil
        case "object": node.object != nil
        case "number": node.double != nil
        case "integer": node.double.map { $0.rounded() == $0 } ?? false
        default: false
        }
    }

    private func equal(_ left: JSONNode, _ right: JSONNode) -> Bool {
        if let left = left.double, let right = right.double { return left == right }
        return left.value == right.value
    }

    /// Whole numbers are compared as such: a double does not hold all of them.
    private func compare(_ node: JSONNode, _ limit: JSONNode, _ isRight: (Double, Double) -> Bool) throws -> Bool {
        if let number = node.integer, let limit = limit.integer {
            return isRight(number < limit ? -1 : number > limit ? 1 : 0, 0)
        }
        guard let number = node.double, let limit = limit.double else { return true }
        // Beyond what an integer can hold, and so beyond every limit that is one.
        if number.magnitude >= 0x1p63, limit.magnitude <= 0x1p63 { return isRight(number, 0) }
        return isRight(number, limit)
    }
}
