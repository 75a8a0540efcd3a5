import JSON

/// What a hub says of a revision of a model: its commit and its files.
package struct HubListing: Sendable, Hashable {
    /// What the content of a file must be.
    package enum Digest: Sendable, Hashable {
        /// In hexadecimal digits, of a file that git-lfs keeps.
        case sha256(String)
        /// The name that git has for it.
        case gitBlob(String)
    }
    package struct File: Sendable, Hashable {
        package var name: String
        package var byteCount: Int
        package var digest: Digest
    }

    /// The commit, in hexadecimal digits: files are asked for by it, so that all are of one state.
    package let commit: String
    package let files: [File]
    /// As the model's page has it.
    package let licence: String?

    /// The most that a file may be said to have: 16 TiB.
    private static let sizeLimit = 1 << 44

    /// Reads the answer of `/api/models/OWNER/NAME/revision/REVISION?blobs=true`.
    /// - Throws: ``HubError/answer(_:message:)``, ``HubError/unsafeName(_:)``.
    init(_ bytes: [UInt8], from address: String) throws(HubError) {
        func wrong(_ message: String) -> HubError { HubError.answer(address, message: message) }
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser().parse(bytes) } catch {
            throw wrong(FileStandIn.description(of: bytes).map { "the answer \($0)" } ?? "\(error)")
        }
        guard let commit = node["sha"]?.string, Self.isHexadecimal(commit, 40) else { throw wrong("sha is missing or is no commit") }
        guard let siblings = node["siblings"]?.array, siblings.count <= 100_000 else { throw wrong("siblings is missing or too long") }
        var files: [File] = []
        var names: Set<String> = []
        for sibling in siblings {
            guard let name = sibling["rfilename"]?.string else { throw wrong("a file has no name") }
            guard Self.staysInside(name) else { throw HubError.unsafeName(String(name.prefix(100))) }
            guard names.insert(name).inserted else { throw wrong("\(name) is named twice") }
            guard let size = sibling["size"]?.integer, (0...Self.sizeLimit).contains(size) else { throw wrong("\(name) has no size") }
            if let large = sibling["lfs"], !large.isNull {
                guard let digest = large["sha256"]?.string, Self.isHexadecimal(digest, 64) else { throw wrong("\(name) has no SHA-256") }
                files.append(File(name: name, byteCount: size, digest: .sha256(digest)))
            } else {
                guard let digest = sibling["blobId"]?.string, Self.isHexadecimal(digest, 40) else { throw wrong("\(name) has no digest") }
                files.append(File(name: name, byteCount: size, digest: .gitBlob(digest)))
            }
        }
        self.commit = commit
        self.files = files
        licence = node["cardData"]?["license"]?.string
    }

    package func file(_ name: String) -> File? { files.first { $0.name == name } }

    /// Lower case, as git and git-lfs write them.
    private static func isHexadecimal(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Whether a name leads to a place in the folder, by itself: no `..`, no root, no strange
    /// characters.
    private static func staysInside(_ name: String) -> Bool {
        guard (1...1024).contains(name.utf8.count), name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" })
        else {
            return false
        }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255
        }
    }
}
