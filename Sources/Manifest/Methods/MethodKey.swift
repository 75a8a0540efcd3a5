import JSON

extension Key<Manifest> {
    /// `method`: the word of a method, and below that word the hyperparameters of all methods and
    /// of this one.
    static let method = Key(
        description: KeyDescription("method", .section(methodDescription), standard: nil, "What the training is for", []),
        read: { root, manifest throws(ManifestError) in try readMethod(root, &manifest) },
        write: { manifest in
            let word = manifest.method.word
            let specification = manifest.method.specification
            var members = specification.settingMembers
            if manifest.method.hasHyperparameters {
                let inner = manifest.hyperparameters.members + specification.members
                members.insert(JSONMember("hyperparameters", JSONNode(inner)), at: 0)
            }
            return ["type": JSONNode(word), word: JSONNode(members)]
        })

    private static var words: [String] { Manifest.Method.all.map { $0.word } }

    private static func readMethod(_ root: ManifestSection, _ manifest: inout Manifest) throws(ManifestError) {
        guard let section = try root.section("method", ["type"] + words + Manifest.Method.announced) else { return }
        let word = try section.value("type", .text(limit: 64)) ?? Manifest.Supervised.word
        let known = words.joined(separator: ", ")
        if Manifest.Method.announced.contains(word) {
            throw section.failure("type", "\(word) is not available yet; there are \(known)", code: "not_available")
        }
        guard let type = Manifest.Method.all.first(where: { $0.word == word }) else {
            throw section.failure("type", "is \"\(word)\"; it may be \(known)")
        }
        for other in section.given where other != "type" && other != word {
            throw section.failure(other, "stands beside type \(word): only \(word) may have settings here")
        }
        try read(type, section, &manifest)
    }

    private static func read<Specification: Manifest.MethodSpecification>(
        _ type: Specification.Type, _ section: ManifestSection, _ manifest: inout Manifest
    ) throws(ManifestError) {
        var specification = Specification()
        manifest.method = Manifest.Method(specification)
        let settings = Specification.settings.map(\.description.name)
        guard let inner = try section.section(Specification.word, (Specification.hasHyperparameters ? ["hyperparameters"] : []) + settings)
        else {
            if let missing = Specification.settings.first(where: \.description.isRequired) {
                throw section.failure("\(Specification.word).\(missing.description.name)", "is missing", code: "missing_key")
            }
            return
        }
        for key in Specification.settings { try key.read(inner, &specification) }
        try specification.settle(beside: inner)
        let names = Manifest.Hyperparameters.keys.map(\.description.name) + Specification.keys.map(\.description.name)
        if let values = try inner.section("hyperparameters", names) {
            manifest.hyperparameters = try Manifest.Hyperparameters(values)
            try specification.read(values)
        }
        manifest.method = Manifest.Method(specification)
    }

    private static var methodDescription: SectionDescription {
        var keys = [
            KeyDescription(
                "type",
                .value(schema: ["enum": JSONNode(words.map { JSONNode($0) })], words: words.map { "`\($0)`" }.joined(separator: ", ")),
                standard: JSONNode(Manifest.Supervised.word), "The method", [])
        ]
        for method in Manifest.Method.all { keys.append(section(of: method)) }
        // Only the method that `type` names may have settings.
        let rules = Manifest.Method.all.map { method -> JSONNode in
            let others = words.filter { $0 != method.word }.map { JSONMember($0, ["type": "null"]) }
            let isThis: JSONNode =
                method.word == Manifest.Supervised.word
                ? ["not": ["required": ["type"], "properties": ["type": ["not": ["enum": [JSONNode(method.word), nil]]]]]]
                : ["required": ["type"], "properties": ["type": ["const": JSONNode(method.word)]]]
            if needsSettings(method) {
                let all = others + [JSONMember(method.word, ["type": "object"])]
                return ["if": isThis, "then": ["required": [JSONNode(method.word)], "properties": JSONNode(all)]]
            }
            return ["if": isThis, "then": ["properties": JSONNode(others)]]
        }
        return SectionDescription(keys: keys, rules: rules)
    }

    /// Whether there are settings that must be given.
    private static func needsSettings<Specification: Manifest.MethodSpecification>(_ method: Specification.Type) -> Bool {
        Specification.settings.contains { $0.description.isRequired }
    }

    private static func section<Specification: Manifest.MethodSpecification>(of method: Specification.Type) -> KeyDescription {
        let hyperparameters = KeyDescription(
            "hyperparameters",
            .section(
                SectionDescription(
                    keys: Manifest.Hyperparameters.keys.map(\.description) + Specification.keys.map(\.description),
                    exclusions: Manifest.Hyperparameters.exclusions + Specification.exclusions, rules: Specification.rules)),
            standard: nil, "How long and how fast is trained", [])
        let keys = (Specification.hasHyperparameters ? [hyperparameters] : []) + Specification.settings.map(\.description)
        return KeyDescription(
            Specification.word, .section(SectionDescription(keys: keys)), standard: nil,
            "With this type: \(Specification.sentence)", [])
    }
}
