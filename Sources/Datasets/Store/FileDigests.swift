import Glibc
import JSON
import Storage

/// SHA-256 of files, remembered as long as the kernel says that a file was not touched.
///
/// The change time cannot be set by hand. A digest of a file that changed less than a second ago is
/// not kept: a second change could bear the same time.
struct FileDigests {
    /// Where digests are kept; nil keeps none.
    let folder: String?

    /// - Throws: ``StorageError``.
    func digest(_ path: String) throws(StorageError) -> String {
        guard let before = FileIdentity(path: path) else { throw StorageError(operation: "stat", path: path) }
        let note = noteFile(before)
        if let note, let node = try? JSONParser().parse(DurableFiles.read(note, limit: 4096)), node["identity"]?.string == before.text,
            let digest = node["sha256"]?.string, digest.utf8.count == 64
        {
            return digest
        }
        let digest = try SHA256.hexadecimal(ofFile: path, followsLinks: true)
        if FileIdentity(path: path) == before { remember(before, digest) }
        return digest
    }

    /// Keeps what is known of a file.
    func remember(_ identity: FileIdentity, _ digest: String) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        guard let note = noteFile(identity), now.tv_sec - identity.changedSeconds > 1 else { return }
        let text = JSONWriter().string(["identity": JSONNode(identity.text), "sha256": JSONNode(digest)])
        try? DurableFiles.replace(note, with: text + "\n")
    }

    private func noteFile(_ identity: FileIdentity) -> String? { folder.map { "\($0)/\(identity.device)-\(identity.number).json" } }
}
