package import JSON

/// What must be the same for a run's state to be continued, by name: manifest, data, model, plan;
/// each as a digest or a few words.
package struct InputFingerprint: Sendable, Hashable {
    package var parts: [String: String]

    package init(_ parts: [String: String] = [:]) { self.parts = parts }

    package init?(json: JSONNode?) {
        guard let members = json?.object else { return nil }
        parts = [:]
        for member in members {
            guard let text = member.node.string else { return nil }
            parts[member.key] = text
        }
    }

    package var json: JSONNode { JSONNode(parts.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }) }

    /// The names of the parts that differ, sorted.
    package func differences(from other: InputFingerprint) -> [String] {
        Set(parts.keys).union(other.parts.keys).filter { parts[$0] != other.parts[$0] }.sorted()
    }
}
