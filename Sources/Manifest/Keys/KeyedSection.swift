package import JSON

/// Values that stand together in one section of a manifest.
///
/// The properties begin with the defaults; the keys say which stands under which name.
package protocol KeyedSection: Hashable, Sendable {
    init()
    static var keys: [Key<Self>] { get }
    /// Pairs of keys of which only one may be given.
    static var exclusions: [Exclusion] { get }
    /// What ``settle(_:)`` demands, as parts of a JSON Schema.
    static var rules: [JSONNode] { get }
    /// What follows from all keys together, once they have been read.
    mutating func settle(_ section: ManifestSection) throws(ManifestError)
    /// Whether the canonical manifest leaves a key out that has a value.
    func omits(_ key: String) -> Bool
}

/// Two keys of which a manifest may give one only.
package struct Exclusion: Sendable {
    package let first: String
    package let second: String
    /// A value that is as good as leaving the key out.
    package let idle: JSONNode

    package init(_ first: String, _ second: String, idle: JSONNode = "auto") {
        self.first = first
        self.second = second
        self.idle = idle
    }

    func isGiven(_ node: JSONNode?) -> Bool {
        guard let node, !node.isNull else { return false }
        if let number = node.double, let idle = idle.double { return number != idle }
        return node.value != idle.value
    }
}

extension KeyedSection {
    package static var exclusions: [Exclusion] { [] }
    package static var rules: [JSONNode] { [] }
    package mutating func settle(_ section: ManifestSection) throws(ManifestError) {}
    package func omits(_ key: String) -> Bool { false }

    /// Reads the keys of a section, whatever other keys stand there.
    init(_ section: ManifestSection) throws(ManifestError) {
        self.init()
        try read(section)
    }

    mutating func read(_ section: ManifestSection) throws(ManifestError) {
        for key in Self.keys { try key.read(section, &self) }
        for pair in Self.exclusions where pair.isGiven(section.node[pair.first]) && pair.isGiven(section.node[pair.second]) {
            throw section.failure(pair.second, "give either \(pair.first) or \(pair.second), not both")
        }
        try settle(section)
    }

    /// The keys that have a value, in the order of the list.
    var members: [JSONMember] {
        Self.keys.compactMap { key in
            guard !omits(key.description.name), let node = key.write(self) else { return nil }
            return JSONMember(key.description.name, node)
        }
    }
}
