import JSON

extension ValueForm where Value == [String] {
    private static var labelLimit: Int { 256 }
    private static var countLimits: ClosedRange<Int> { 2...1024 }

    /// The names of classes; whole numbers are taken as text.
    static var labels: ValueForm {
        ValueForm(
            schema: [
                "type": "array",
                "items": ["anyOf": [["type": "string", "minLength": 1, "maxLength": JSONNode(labelLimit)], ["type": "integer"]]],
                "minItems": JSONNode(countLimits.lowerBound), "maxItems": JSONNode(countLimits.upperBound),
            ], words: "a list of 2 to 1024 names or whole numbers, each once",
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else { throw ValueRefusal("is \(node.kindName), not a list of names") }
                guard countLimits.contains(elements.count) else {
                    throw ValueRefusal("has \(elements.count) entries; \(countLimits.lowerBound) to \(countLimits.upperBound) are allowed")
                }
                var labels: [String] = []
                var known: Set<String> = []
                for element in elements {
                    let name = element.string ?? element.integer.map { String($0) }
                    guard let name, !name.isEmpty, name.unicodeScalars.count <= labelLimit else {
                        throw ValueRefusal("contains an entry that is neither a name of 1 to \(labelLimit) characters nor a whole number")
                    }
                    guard known.insert(name).inserted else { throw ValueRefusal("names \"\(name.prefix(64))\" twice") }
                    labels.append(name)
                }
                return labels
            }, write: { $0.isEmpty ? .none : JSONNode($0.map { JSONNode($0) }) })
    }
}

extension ValueForm where Value == Manifest.Classification.Weights {
    /// One of two words, or a number for each class.
    static var classWeights: ValueForm {
        let number = ValueForm<Double>.number(0...1_000_000)
        return ValueForm(
            schema: [
                "anyOf": [
                    ["enum": ["none", "balanced"]], ["type": "object", "maxProperties": 1024, "additionalProperties": number.schema],
                ]
            ], words: "`none`, `balanced`, or a number for each class",
            read: { node throws(ValueRefusal) in
                switch node.string {
                case "none": return .none
                case "balanced": return .balanced
                case let word?: throw ValueRefusal("is \"\(word.prefix(64))\"; it may be none, balanced, or a number for each class")
                case nil: break
                }
                guard let members = node.object else {
                    throw ValueRefusal("is \(node.kindName), neither none nor balanced nor a number for each class")
                }
                guard members.count <= 1024 else { throw ValueRefusal("has \(members.count) classes; 1024 are allowed") }
                var weights: [String: Double] = [:]
                for member in members {
                    do throws(ValueRefusal) { weights[member.key] = try number.read(member.node) } catch {
                        throw ValueRefusal("the weight of \"\(member.key.prefix(64))\" \(error.message)")
                    }
                }
                return .named(weights)
            },
            write: { weights in
                switch weights {
                case .none: "none"
                case .balanced: "balanced"
                case .named(let numbers):
                    JSONNode(numbers.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) })
                }
            })
    }
}
