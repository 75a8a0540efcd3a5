import JSON

/// One key of a section: what it is called, what it may be, what it is when it is left out, and a
/// sentence about it.
///
/// All that the product says of a key follows from here: what is read and refused, the canonical
/// manifest, `manifest.schema.json`, the manual, `tala manifest`.
package struct Key<Owner: Sendable>: Sendable {
    package let description: KeyDescription
    /// Reads the key's value, or what it is where the section does not have the key.
    let read: @Sendable (ManifestSection, inout Owner) throws(ManifestError) -> Void
    /// The value as the canonical manifest has it; nil where it is left out.
    let write: @Sendable (Owner) -> JSONNode?
}

extension Key where Owner: KeyedSection {
    /// A key that, left out, is what the section begins with.
    /// - Parameter aliases: what other tools call it.
    package init<Value>(
        _ name: String, _ path: any WritableKeyPath<Owner, Value> & Sendable, _ form: ValueForm<Value>, _ sentence: String,
        aliases: [String] = []
    ) {
        self.init(
            description: KeyDescription(
                name, .value(schema: form.schema, words: form.words), standard: form.write(Owner()[keyPath: path]), sentence, aliases),
            read: { section, owner throws(ManifestError) in
                if let value = try section.value(name, form) { owner[keyPath: path] = value }
            }, write: { form.write($0[keyPath: path]) })
    }

    /// A key that may be left out.
    package init<Value>(
        _ name: String, _ path: any WritableKeyPath<Owner, Value?> & Sendable, _ form: ValueForm<Value>, _ sentence: String,
        aliases: [String] = []
    ) {
        self.init(
            description: KeyDescription(name, .value(schema: form.schema, words: form.words), standard: nil, sentence, aliases),
            read: { section, owner throws(ManifestError) in owner[keyPath: path] = try section.value(name, form) },
            write: { $0[keyPath: path].flatMap(form.write) })
    }

    /// A key that must be there.
    package init(
        required name: String, _ path: any WritableKeyPath<Owner, String> & Sendable, _ form: ValueForm<String>, _ sentence: String,
        aliases: [String] = []
    ) {
        var description = KeyDescription(name, .value(schema: form.schema, words: form.words), standard: nil, sentence, aliases)
        description.isRequired = true
        self.init(
            description: description,
            read: { section, owner throws(ManifestError) in owner[keyPath: path] = try section.required(name, form) },
            write: { form.write($0[keyPath: path]) })
    }

    /// A key that, left out, follows from those that stand before it.
    /// - Parameter words: how it follows, for the manual.
    package init<Value>(
        _ name: String, _ path: any WritableKeyPath<Owner, Value> & Sendable, _ form: ValueForm<Value>, following words: String,
        _ standard: @escaping @Sendable (Owner) -> Value, _ sentence: String, aliases: [String] = []
    ) {
        var description = KeyDescription(name, .value(schema: form.schema, words: form.words), standard: nil, sentence, aliases)
        description.following = words
        self.init(
            description: description,
            read: { section, owner throws(ManifestError) in
                if let value = try section.value(name, form) {
                    owner[keyPath: path] = value
                } else {
                    owner[keyPath: path] = standard(owner)
                }
            }, write: { form.write($0[keyPath: path]) })
    }

    /// A key with keys of its own.
    package init<Section: KeyedSection>(
        _ name: String, section path: any WritableKeyPath<Owner, Section> & Sendable, _ sentence: String, aliases: [String] = []
    ) {
        let inner = SectionDescription(keys: Section.keys.map(\.description), exclusions: Section.exclusions, rules: Section.rules)
        self.init(
            description: KeyDescription(name, .section(inner), standard: nil, sentence, aliases),
            read: { section, owner throws(ManifestError) in
                if let inner = try section.section(name, Section.keys.map(\.description.name)) {
                    owner[keyPath: path] = try Section(inner)
                }
            },
            write: { owner in
                let members = owner[keyPath: path].members
                return members.isEmpty ? .none : JSONNode(members)
            })
    }

    /// A key with keys of its own that may be left out.
    package init<Section: KeyedSection>(
        _ name: String, section path: any WritableKeyPath<Owner, Section?> & Sendable, _ sentence: String, aliases: [String] = []
    ) {
        let inner = SectionDescription(keys: Section.keys.map(\.description), exclusions: Section.exclusions)
        self.init(
            description: KeyDescription(name, .section(inner), standard: nil, sentence, aliases),
            read: { section, owner throws(ManifestError) in
                if let inner = try section.section(name, Section.keys.map(\.description.name)) {
                    owner[keyPath: path] = try Section(inner)
                }
            }, write: { $0[keyPath: path].map { JSONNode($0.members) } })
    }

    /// A key with keys of its own that depend on its `type`.
    /// - Parameter kind: the kind where the manifest names none.
    package init<Value>(
        _ name: String, kinds: SectionKinds<Value>, _ path: any WritableKeyPath<Owner, Value> & Sendable, following words: String? = nil,
        standard kind: @escaping @Sendable (Owner) -> String, _ sentence: String, aliases: [String] = []
    ) {
        self.init(
            description: KeyDescription(
                name, .section(SectionDescription(kinds: kinds.descriptions, following: words)), standard: nil, sentence, aliases),
            read: { section, owner throws(ManifestError) in
                owner[keyPath: path] = try kinds.read(name, section, standard: kind(owner))
            }, write: { kinds.write($0[keyPath: path]) })
    }
}
