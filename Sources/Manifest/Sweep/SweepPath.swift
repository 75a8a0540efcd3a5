import JSON

/// The path of a key that a sweep names.
struct SweepPath {
    /// `adapter.rank` as its parts.
    let parts: [String]

    /// Finds the key: by its whole path, or by the end of it where only one path ends so.
    ///
    /// Of the methods' keys those of this job's method count: `learning_rate` is
    /// `method.supervised.hyperparameters.learning_rate`.
    /// - Parameters:
    ///   - section: the object `sweep`, for the place of an error.
    ///   - method: the word of the job's method.
    init(_ name: String, in section: ManifestSection, method: String) throws(ManifestError) {
        let known = Self.paths(Manifest.description, []).filter { path in
            path.first != "method" || path.count <= 2 && path.last == "type" || path.dropFirst().first == method
        }
        let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let shown = String(name.prefix(64))
        guard words != ["sweep"] else { throw section.failure(name, "a sweep cannot be swept") }
        if known.contains(words) {
            parts = words
            return
        }
        let fitting = known.filter { $0.suffix(words.count).elementsEqual(words) }
        guard fitting.count <= 1 else {
            let all = fitting.map { $0.joined(separator: ".") }.sorted().joined(separator: ", ")
            throw section.failure(name, "may be any of \(all): write the whole path")
        }
        guard let found = fitting.first else {
            let meant = section.names.suggestion(for: words.last ?? "", among: [], in: "", preferring: method)
            let remedy = meant.map { "; did you mean \($0)?" } ?? ": write the path of a key, for example adapter.rank"
            throw section.failure(name, "there is no key \(shown) for this job" + remedy, code: "unknown_key")
        }
        parts = found
    }

    /// Every key with all that stand above it, sections included.
    private static func paths(_ section: SectionDescription, _ above: [String]) -> [[String]] {
        var paths = section.kinds.isEmpty ? [] : [above + ["type"]]
        for key in section.keys + section.kinds.flatMap(\.keys) {
            let path = above + [key.name]
            if !paths.contains(path) { paths.append(path) }
            if case .section(let inner) = key.content { paths += Self.paths(inner, path).filter { !paths.contains($0) } }
        }
        return paths
    }

    /// The manifest's tree with a value at this path; the objects above it are made where they are
    /// not there.
    /// - Returns: nil if something that is no object stands above it.
    func setting(_ value: JSONNode, in root: JSONNode) -> JSONNode? { Self.setting(value, in: root, parts[...]) }

    private static func setting(_ value: JSONNode, in node: JSONNode, _ path: ArraySlice<String>) -> JSONNode? {
        guard let key = path.first else { return value }
        guard var members = node.isNull ? [] : node.object else { return nil }
        let place = members.firstIndex { $0.key == key }
        let old = place.map { members[$0].node } ?? JSONNode(.null, offset: value.offset)
        guard let new = setting(value, in: old, path.dropFirst()) else { return nil }
        let member = JSONMember(key, new, keyOffset: place.map { members[$0].keyOffset } ?? value.offset)
        if let place { members[place] = member } else { members.append(member) }
        return JSONNode(.object(members), offset: node.offset)
    }
}
