package import JSON

/// A key apart from the type that holds its value: what schema, manual and suggestions need.
package struct KeyDescription: Sendable {
    package enum Content: Sendable {
        case value(schema: JSONNode, words: String)
        case section(SectionDescription)
    }
    package let name: String
    package let content: Content
    /// What it is when it is left out; nil: nothing.
    package let standard: JSONNode?
    /// How it follows from other keys when it is left out.
    package var following: String?
    package var isRequired = false
    /// One sentence, without a full stop.
    package let sentence: String
    /// What other tools call it.
    package let aliases: [String]

    init(_ name: String, _ content: Content, standard: JSONNode?, _ sentence: String, _ aliases: [String]) {
        self.name = name
        self.content = content
        self.standard = standard
        self.sentence = sentence
        self.aliases = aliases
    }
}

/// The keys of an object.
package struct SectionDescription: Sendable {
    package var keys: [KeyDescription] = []
    package var exclusions: [Exclusion] = []
    /// What `type` may be, the default first, each with the keys that only it has; empty where the
    /// section has no `type`.
    package var kinds: [KindDescription] = []
    /// How `type` follows from other keys when it is left out.
    package var following: String?
    /// Rules that keys alone do not say, as parts of a JSON Schema.
    package var rules: [JSONNode] = []
}

/// One of the things that a section's `type` may name.
package struct KindDescription: Sendable {
    package let word: String
    package let sentence: String
    package let keys: [KeyDescription]
    package var exclusions: [Exclusion] = []
}
