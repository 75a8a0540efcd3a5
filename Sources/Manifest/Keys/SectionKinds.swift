import JSON

/// What the key `type` of a section chooses among. Another one is one more line of the list.
package struct SectionKinds<Value: Sendable>: Sendable {
    let all: [SectionKind<Value>]

    package init(_ all: [SectionKind<Value>]) { self.all = all }

    var descriptions: [KindDescription] { all.map(\.description) }

    /// Reads the section under `name`, or begins with the standard kind where there is none.
    func read(_ name: String, _ parent: ManifestSection, standard: String) throws(ManifestError) -> Value {
        let known = Set(all.flatMap { $0.description.keys.map(\.name) }).union(["type"]).sorted()
        let section = try parent.section(name, known)
        let word = try section?.value("type", .text(limit: 64)) ?? standard
        guard let kind = all.first(where: { $0.description.word == word }) else {
            let words = all.map(\.description.word).joined(separator: ", ")
            throw (section ?? parent).failure("type", "is \"\(word)\"; it may be \(words)")
        }
        let own = Set(kind.description.keys.map(\.name)).union(["type"])
        for key in section?.node.object?.map(\.key) ?? [] where !own.contains(key) {
            throw (section ?? parent).failure(key, "has no meaning with type \(word)")
        }
        return try kind.read(section ?? parent.empty(name))
    }

    /// The section with its type first; nil for a value of none of the kinds.
    func write(_ value: Value) -> JSONNode? {
        for kind in all {
            guard let members = kind.write(value) else { continue }
            return JSONNode([JSONMember("type", JSONNode(kind.description.word))] + members)
        }
        return nil
    }
}

/// One thing that `type` may name, with the keys that may stand beside it.
package struct SectionKind<Value: Sendable>: Sendable {
    let description: KindDescription
    let read: @Sendable (ManifestSection) throws(ManifestError) -> Value
    /// Nil if the value is of another kind.
    let write: @Sendable (Value) -> [JSONMember]?

    /// A kind whose values have a type of their own.
    /// - Parameters:
    ///   - wrap: the value that holds a section.
    ///   - unwrap: the section that a value holds, or nil if it is another.
    package init<Section: KeyedSection>(
        _ word: String, _ type: Section.Type, _ sentence: String, wrap: @escaping @Sendable (Section) -> Value,
        unwrap: @escaping @Sendable (Value) -> Section?
    ) {
        description = KindDescription(word: word, sentence: sentence, keys: Section.keys.map(\.description), exclusions: Section.exclusions)
        read = { section throws(ManifestError) in wrap(try Section(section)) }
        write = { unwrap($0)?.members }
    }
}
