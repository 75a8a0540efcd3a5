import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage

/// Writes `rejected/<name>/`: what was dropped, and why it was refused.
struct Rejection {
    let layout: SpoolLayout

    /// Puts a drop aside with its reason.
    /// - Parameters:
    ///   - drop: where it lies; it stays there if it cannot be moved.
    ///   - owner: who may read the folder beside the daemon; nil: no one.
    func write(_ name: String, drop: String, owner: Int?, _ error: ManifestError) throws {
        let shown = Self.shown(name)
        let folder = try freshFolder(shown)
        do { try fill(folder, shown, drop, owner, error) } catch {
            // The submitter must not find half a rejection first.
            if !FolderListing.exists(folder + "/" + shown) { FolderListing.delete(folder) }
            throw error
        }
        // Not known to be durable is durable enough: what a cut undoes is judged again.
        try? DurableFiles.syncFolder(layout.rejected)
    }

    private func fill(_ folder: String, _ shown: String, _ drop: String, _ owner: Int?, _ error: ManifestError) throws {
        PrivateFolder.open(folder, to: owner)
        func optional(_ number: Int?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        let node: JSONNode = [
            "code": JSONNode(error.code), "message": JSONNode(Journal.escaped(error.message)),
            "param": error.param.map { JSONNode($0) } ?? nil, "file": JSONNode(shown), "line": optional(error.position?.line),
            "column": optional(error.position?.column),
        ]
        try DurableFiles.replace(folder + "/error.json", with: JSONWriter(isIndented: true).string(node) + "\n")
        do throws(StorageError) { try DurableFiles.rename(drop, to: folder + "/" + shown) } catch {
            // Another user's folder may have to stay where it is, and some things do not move from
            // one file system to another.
            if error.isTransient || error.isOutOfSpace || error.errorNumber == EIO { throw error }
        }
    }

    /// A name that cannot lead anywhere nor do anything to a terminal.
    static func shown(_ name: String) -> String {
        var bytes = Array(name.utf8.prefix(128)).map { byte -> UInt8 in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
            return isPlain ? byte : UInt8(ascii: "_")
        }
        if bytes.isEmpty || bytes.first == UInt8(ascii: ".") { bytes.insert(UInt8(ascii: "_"), at: 0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func freshFolder(_ shown: String) throws(StorageError) -> String {
        // The same name again and again must not make the search for a free one long.
        let names = [shown] + (2...9).map { "\(shown).\($0)" }
        for name in names + [shown + "." + JobIdentifier.job(milliseconds: Clock.wallMilliseconds()).dropFirst(6)] {
            let path = layout.rejected + "/" + name
            if FolderListing.exists(path) { continue }
            try DurableFiles.makeFolder(path, mode: 0o750, isNew: true)
            return path
        }
        throw StorageError(operation: "find a name in", path: layout.rejected, errorNumber: EEXIST)
    }
}
