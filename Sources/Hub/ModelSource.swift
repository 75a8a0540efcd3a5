package import JSON
import Storage

/// Where a model of a folder came from, kept beside it.
package struct ModelSource: Sendable, Hashable {
    package static let fileName = ".source.json"
    /// The hub's address, or the path from which it was copied.
    package var place: String
    package var repository: String?
    package var commit: String?
    package var licence: String?

    package init(place: String, repository: String? = nil, commit: String? = nil, licence: String? = nil) {
        (self.place, self.repository, self.commit, self.licence) = (place, repository, commit, licence)
    }

    /// What a folder says of itself; nil if it says nothing.
    package init?(folder: String) {
        guard let bytes = try? DurableFiles.read(folder + "/" + Self.fileName, limit: 1 << 16), let node = try? JSONParser().parse(bytes),
            let place = node["place"]?.string
        else { return nil }
        self.init(
            place: place, repository: node["repository"]?.string, commit: node["commit"]?.string, licence: node["licence"]?.string)
    }

    package var json: JSONNode {
        func optional(_ text: String?) -> JSONNode { text.map { JSONNode($0) } ?? .null }
        return ["place": JSONNode(place), "repository": optional(repository), "commit": optional(commit), "licence": optional(licence)]
    }

    /// Writes it into a new folder.
    package func save(in folder: String) throws {
        try DurableFiles.replace(folder + "/" + Self.fileName, with: JSONWriter(isIndented: true).string(json) + "\n")
    }
}
