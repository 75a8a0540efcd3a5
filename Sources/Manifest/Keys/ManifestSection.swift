import JSON

/// One object of a text that people write, with typed and checked access to its keys.
package struct ManifestSection {
    let node: JSONNode
    let path: String
    let text: ManifestText
    /// The keys that there are elsewhere in such a text, for those that stand in the wrong place.
    var names = KeyNames()

    func failure(_ key: String, _ message: String, code: String = "invalid_value") -> ManifestError {
        let member = node.object?.first { $0.key == key }
        return ManifestError(code: code, message: message, param: path + key, position: text.position(member?.node.offset ?? node.offset))
    }

    /// The keys that have a value.
    var given: [String] { (node.object ?? []).filter { !$0.node.isNull }.map(\.key) }

    /// Refuses keys that are not among `known`, naming the one that was probably meant.
    func allow(_ known: [String]) throws(ManifestError) {
        for member in node.object ?? [] where !known.contains(member.key) {
            let shown = String(member.key.prefix(64))
            let meant = names.suggestion(for: member.key, among: known, in: path, preferring: text.root["method"]?["type"]?.string)
            throw ManifestError(
                code: "unknown_key",
                message: "unknown key \(shown)"
                    + (meant.map { "; did you mean \($0)?" } ?? "; known here are \(known.joined(separator: ", "))"),
                param: path + shown, position: text.position(member.keyOffset))
        }
    }

    func value<Value>(_ key: String, _ form: ValueForm<Value>) throws(ManifestError) -> Value? {
        guard let value = node[key], !value.isNull else { return nil }
        do throws(ValueRefusal) { return try form.read(value) } catch { throw failure(key, error.message) }
    }

    func required<Value>(_ key: String, _ form: ValueForm<Value>) throws(ManifestError) -> Value {
        guard let value = try value(key, form) else { throw failure(key, "is missing", code: "missing_key") }
        return value
    }

    func section(_ key: String, _ known: [String]) throws(ManifestError) -> ManifestSection? {
        guard let value = node[key], !value.isNull else { return nil }
        guard value.object != nil else { throw failure(key, "is \(value.kindName), not an object with keys") }
        let section = ManifestSection(node: value, path: path + key + ".", text: text, names: names)
        try section.allow(known)
        return section
    }

    /// A section that has no keys.
    func empty(_ key: String) -> ManifestSection {
        ManifestSection(node: JSONNode([JSONMember]()), path: path + key + ".", text: text, names: names)
    }
}
