public import JSON

/// What must be the same for a run's state to be continued, by name: manifest, data, model, plan; each as a digest or a few words.
public struct InputFingerprint: Sendable, Hashable {
    public var parts: [String: String]

    public init(_ parts: [String: String] = [:]) { self.parts = parts }

    public init?(json: JSONNode?) {
        guard let members = json?.object else { return nil }
        parts = [:]
        for member in members {
            guard let text = member.node.string else { return nil }
            parts[member.key] = text
        }
    }

    public var json: JSONNode { JSONNode(parts.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }) }

    /// The names of the parts that differ, sorted.
    public func differences(from other: InputFingerprint) -> [String] {
        Set(parts.keys).union(other.parts.keys).filter { parts[$0] != other.parts[$0] }.sorted()
    }
}
