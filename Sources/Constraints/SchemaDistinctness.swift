/// Whether no value can satisfy two of some schemas: what `oneOf` asks for.
enum SchemaDistinctness {
    static func areDistinct(_ choices: [Schema], _ references: [Schema]) -> Bool {
        guard choices.count <= 256 else { return false }
        for (index, a) in choices.enumerated() {
            for b in choices[(index + 1)...] where !areDistinct(resolved(a, references), resolved(b, references), references) {
                return false
            }
        }
        return true
    }

    private static func resolved(_ schema: Schema, _ references: [Schema]) -> Schema {
        var schema = schema
        for _ in 0..<16 {
            guard case .reference(let number) = schema, references.indices.contains(number) else { break }
            schema = references[number]
        }
        return schema
    }

    private static func areDistinct(_ a: Schema, _ b: Schema, _ references: [Schema]) -> Bool {
        switch (a, b) {
        case (.values(let first), .values(let second)): return Set(first).isDisjoint(with: second)
        case (.object(let first, _), .object(let second, _)):
            // A property that both require tells them apart.
            return first.contains { own in
                guard own.isRequired, let other = second.first(where: { $0.name == own.name && $0.isRequired }) else { return false }
                guard case .values(let these) = resolved(own.schema, references),
                    case .values(let those) = resolved(other.schema, references)
                else { return false }
                return Set(these).isDisjoint(with: those)
            }
        default:
            guard let first = kinds(a), let second = kinds(b) else { return false }
            return first.isDisjoint(with: second)
        }
    }

    /// What values begin with; nil where that says too little.
    private static func kinds(_ schema: Schema) -> Set<UInt8>? {
        switch schema {
        case .null: [0x6E]
        case .boolean: [0x74]
        case .number: [0x30]
        case .string: [0x22]
        case .array: [0x5B]
        case .object: [0x7B]
        case .values(let values):
            Set(
                values.compactMap { value in
                    value.first.map { $0 == 0x66 ? 0x74 : $0 == 0x2D || (0x30...0x39).contains($0) ? 0x30 : $0 }
                })
        case .any, .anyOf, .reference: nil
        }
    }
}
