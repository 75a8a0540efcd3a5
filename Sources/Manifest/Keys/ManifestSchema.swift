package import JSON

/// `docs/manifest.schema.json`: the keys of a manifest as a JSON Schema, for editors.
package enum ManifestSchema {
    package static var json: JSONNode {
        let root = object(Manifest.description, [])
        let head = [
            JSONMember("$schema", "https://json-schema.org/draft/2020-12/schema"), JSONMember("title", "Tala job manifest"),
            JSONMember("description", "A fine-tuning job. Made from the keys in Sources/Manifest; null is as good as leaving a key out."),
        ]
        return JSONNode(head + root)
    }

    package static var text: String { JSONWriter(isIndented: true).string(json) + "\n" }

    /// - Parameter kind: members that say which kind of object this is.
    private static func object(_ section: SectionDescription, _ kind: [JSONMember]) -> [JSONMember] {
        var members = [JSONMember("type", "object"), JSONMember("additionalProperties", false)]
        let required = section.keys.filter(\.isRequired).map { JSONNode($0.name) }
        if !required.isEmpty { members.append(JSONMember("required", JSONNode(required))) }
        members.append(JSONMember("properties", JSONNode(kind + section.keys.map { JSONMember($0.name, property($0)) })))
        let rules = section.exclusions.map { rule($0) } + section.rules
        if !rules.isEmpty { members.append(JSONMember("allOf", JSONNode(rules))) }
        return members
    }

    private static func property(_ key: KeyDescription) -> JSONNode {
        var members = [JSONMember("description", JSONNode(key.sentence))]
        switch key.content {
        case .value(let schema, _):
            members += key.isRequired ? schema.object ?? [] : nullable(schema)
            if let standard = key.standard { members.append(JSONMember("default", standard)) }
        case .section(let section) where section.kinds.isEmpty:
            members += object(section, []).map { $0.key == "type" ? JSONMember("type", ["object", "null"]) : $0 }
        case .section(let section):
            members.append(JSONMember("anyOf", JSONNode([["type": "null"]] + section.kinds.indices.map { kind($0, of: section) })))
        }
        return JSONNode(members)
    }

    /// One kind of a section with a `type`; the first is also what an object without a type may be.
    private static func kind(_ index: Int, of section: SectionDescription) -> JSONNode {
        let kind = section.kinds[index]
        let word = JSONNode(kind.word)
        let description = JSONMember("description", JSONNode(kind.sentence))
        let type = JSONMember("type", JSONNode([description, index == 0 ? JSONMember("enum", [word, nil]) : JSONMember("const", word)]))
        var members = [JSONMember("title", word)] + object(SectionDescription(keys: kind.keys, exclusions: kind.exclusions), [type])
        if index > 0 { members.insert(JSONMember("required", ["type"]), at: 1) }
        return JSONNode(members)
    }

    /// The same with null allowed.
    private static func nullable(_ schema: JSONNode) -> [JSONMember] {
        (schema.object ?? []).map { member in
            switch member.key {
            case "type": JSONMember("type", [member.node, "null"])
            case "enum": JSONMember("enum", JSONNode((member.node.array ?? []) + [nil]))
            case "anyOf": JSONMember("anyOf", JSONNode((member.node.array ?? []) + [["type": "null"]]))
            default: member
            }
        }
    }

    private static func rule(_ pair: Exclusion) -> JSONNode {
        let isIdle: JSONNode = ["enum": [pair.idle, nil]]
        return [
            "not": [
                "type": "object", "required": [JSONNode(pair.first), JSONNode(pair.second)],
                "properties": JSONNode([pair.first, pair.second].map { JSONMember($0, ["not": isIdle]) }),
            ]
        ]
    }
}
