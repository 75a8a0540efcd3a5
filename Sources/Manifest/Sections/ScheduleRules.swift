package import JSON

extension Manifest.Schedule {
    package mutating func settle(_ section: ManifestSection) throws(ManifestError) {
        let given = section.given
        for key in given {
            guard let shapes = Self.shapes(of: key), !shapes.contains(shape) else { continue }
            throw section.failure(
                key,
                "has no meaning with type \(shape.rawValue); it is for \(shapes.map(\.rawValue).joined(separator: ", "))")
        }
        let needed = Self.needed(by: shape)
        if !needed.isEmpty, !needed.contains(where: { given.contains($0) }) {
            throw section.failure("type", "\(shape.rawValue) needs \(needed.joined(separator: " or "))", code: "missing_key")
        }
    }

    /// What ``settle(_:)`` demands, as parts of a JSON Schema.
    package static var rules: [JSONNode] {
        let standard = Self().shape
        let meanings = keys.compactMap { key -> JSONNode? in
            let name = key.description.name
            guard let shapes = shapes(of: name) else { return nil }
            let words = shapes.map { JSONNode($0.rawValue) } + (shapes.contains(standard) ? [nil] : [])
            let isOfThese: JSONNode = ["required": ["type"], "properties": ["type": ["enum": JSONNode(words)]]]
            let isOther: JSONNode =
                shapes.contains(standard)
                ? ["required": ["type"], "properties": ["type": ["not": ["enum": JSONNode(words)]]]] : ["not": isOfThese]
            return ["if": isOther, "then": ["properties": JSONNode([JSONMember(name, ["type": "null"])])]]
        }
        let needs = Shape.allCases.compactMap { shape -> JSONNode? in
            let needed = needed(by: shape)
            if needed.isEmpty { return nil }
            let choices = needed.map { name -> JSONNode in
                ["required": [JSONNode(name)], "properties": JSONNode([JSONMember(name, ["not": ["type": "null"]])])]
            }
            return [
                "if": ["required": ["type"], "properties": ["type": ["const": JSONNode(shape.rawValue)]]],
                "then": ["anyOf": JSONNode(choices)],
            ]
        }
        return meanings + needs
    }

    /// Steps of the warm-up in a run of so many: of a share as transformers rounds it, up.
    package func warmupSteps(of total: Int) -> Int {
        warmupShare.map { Int((Double(total) * $0).rounded(.up)) } ?? warmupSteps
    }
}
