extension JSONNode {
    /// The value without the places where its parts stand in a text: two that say the same are
    /// equal.
    package var withoutPlaces: JSONNode {
        switch value {
        case .array(let elements): JSONNode(elements.map(\.withoutPlaces))
        case .object(let members): JSONNode(members.map { JSONMember($0.key, $0.node.withoutPlaces) })
        default: JSONNode(value)
        }
    }
}
