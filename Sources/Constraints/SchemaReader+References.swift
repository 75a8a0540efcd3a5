import JSON

/// Schemas that consist of others, and references.
extension SchemaReader {
    /// Keywords that stand beside one that decides everything must say nothing of their own.
    private mutating func requireAlone(_ name: String, _ node: JSONNode, _ path: String) throws(ConstraintError) {
        for member in node.object ?? [] where member.key != name && Self.known.contains(member.key) {
            // A type that all choices have anyway is often repeated.
            if member.key == "type", name == "anyOf" || name == "oneOf" { continue }
            try refuse("\(path).\(member.key)", "stands beside \(name), which is not supported: move it into the schemas there")
        }
    }

    mutating func combination(
        _ name: String, _ given: JSONNode, _ node: JSONNode, _ path: String
    ) throws(ConstraintError) -> Schema {
        try requireAlone(name, node, path)
        guard let elements = given.array, !elements.isEmpty, elements.count <= Self.elementLimit else {
            throw ConstraintError("\(path).\(name)", "must be a list of 1 to \(Self.elementLimit) schemas")
        }
        if name == "allOf", elements.count > 1 { try refuse("\(path).allOf", "has more than one schema, which is not supported") }
        if name == "allOf" { return try schema(elements[0], "\(path).allOf[0]") }
        var choices: [Schema] = []
        for (index, element) in elements.enumerated() { choices.append(try schema(element, "\(path).\(name)[\(index)]")) }
        if let type = node["type"]?.string, elements.contains(where: { $0["type"].map { $0.string != type } ?? true }) {
            try refuse("\(path).type", "stands beside \(name), which is not supported: move it into the schemas there")
        }
        if name == "oneOf" { alternatives.append((choices, "\(path).oneOf")) }
        return choices.count == 1 ? choices[0] : .anyOf(choices)
    }

    mutating func reference(_ reference: JSONNode, _ node: JSONNode, _ path: String) throws(ConstraintError) -> Schema {
        try requireAlone("$ref", node, path)
        guard let text = reference.string, text == "#" || text.hasPrefix("#/") else {
            throw ConstraintError(
                "\(path).$ref", "is \(JSONWriter().string(reference)), but only # and #/... in the schema itself are known")
        }
        if let number = numbers[text] { return .reference(number) }
        var target = root
        for word in text.split(separator: "/").dropFirst() {
            let name = Self.decoded(String(word))
            let inside = target.array.flatMap { elements in Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil } }
            guard let next = inside ?? target[name] else {
                throw ConstraintError("\(path).$ref", "leads nowhere: \(JSONWriter().string(reference))")
            }
            target = next
        }
        guard references.count < Self.referenceLimit else {
            throw ConstraintError("\(path).$ref", "is one of more than \(Self.referenceLimit) references")
        }
        let number = references.count
        numbers[text] = number
        references.append(.any)
        let place = text == "#" ? "" : "." + text.dropFirst(2).split(separator: "/").joined(separator: ".")
        unread.append((number, target, place))
        return .reference(number)
    }

    /// A word of a JSON pointer (RFC 6901) in a URI.
    private static func decoded(_ word: String) -> String {
        var bytes: [UInt8] = []
        let given = Array(word.utf8)
        var index = 0
        while index < given.count {
            if given[index] == 0x25, index + 2 < given.count,
                let byte = UInt8(String(decoding: given[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
                index += 3
            } else if given[index] == 0x7E, index + 1 < given.count, given[index + 1] == 0x30 || given[index + 1] == 0x31 {
                bytes.append(given[index + 1] == 0x31 ? 0x2F : 0x7E)
                index += 2
            } else {
                bytes.append(given[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
