import Glibc
import JSON
package import Storage
import Tokenization

/// Where tokenised data is kept between runs.
///
/// An entry is a folder named by the hash of all that its content follows from: the data, the
/// model's tokenizer and template files, the options, the program itself. It is built whole or not
/// at all (`WholeFolder`), and believed only if every file has the SHA-256 that its list says.
package struct DatasetCache: Sendable {
    let folder: String
    /// Entries beyond so many bytes are removed, those not used for longest first.
    var byteLimit: Int

    /// - Parameter folder: made if it is not there. Nothing in it is of value: it may be removed at
    ///   any time.
    package init(folder: String, byteLimit: Int = 64 << 30) {
        self.folder = folder
        self.byteLimit = byteLimit
    }

    /// The user's: `$XDG_CACHE_HOME/tala/datasets` or `~/.cache/tala/datasets`; nil where neither
    /// is known.
    package static var ofUser: DatasetCache? {
        let base = getenv("XDG_CACHE_HOME").map { String(cString: $0) } ?? getenv("HOME").map { String(cString: $0) + "/.cache" }
        guard let base, base.hasPrefix("/") else { return nil }
        return DatasetCache(folder: base + "/tala/datasets", byteLimit: 16 << 30)
    }

    var digests: FileDigests { FileDigests(folder: folder + "/digests") }

    /// SHA-256 of a file, from the notes where the file was not touched since.
    /// - Throws: ``StorageError``.
    package func digest(ofFile path: String) throws(StorageError) -> String {
        _ = prepare()
        return try digests.digest(path)
    }

    func path(_ key: String) -> String { folder + "/" + key }

    /// Makes the cache's folders; false if that cannot be done, and then nothing is kept.
    func prepare() -> Bool {
        var path = ""
        for part in (folder + "/digests").split(separator: "/", omittingEmptySubsequences: true) {
            path += "/" + part
            if !FolderListing.exists(path) { try? DurableFiles.makeFolder(path, mode: 0o700) }
        }
        return access(folder + "/digests", W_OK) == 0
    }

    /// What an entry's content follows from.
    /// - Parameter modelFolder: where the encoder's texts lie, if they do so in files of their own.
    /// - Throws: ``StorageError``, ``TokenizerError``.
    func key(dataDigest: String, name: String, modelFolder: String, _ encoder: ChatEncoder, options: DatasetOptions) throws -> String {
        var parts = ["4", dataDigest, options.key, encoder.clockKey, String(name.reversed().prefix { $0 != "/" }.prefix(12).reversed())]
        let texts = encoder.texts
        for name in texts.isFolder ? TokenizerTexts(folder: modelFolder).names : texts.names {
            parts.append(name)
            if texts.isFolder {
                let file = modelFolder + "/" + name
                parts.append(access(file, F_OK) == 0 ? try digests.digest(file) : "-")
            } else {
                parts.append(try texts.contents(name).map { SHA256.hexadecimal(of: $0) } ?? "-")
            }
        }
        // Another build may tokenise otherwise.
        parts.append(FileIdentity(path: "/proc/self/exe")?.text ?? "-")
        return String(SHA256.hexadecimal(of: parts.joined(separator: "\n").utf8).prefix(40))
    }

    /// An entry that is there and whole.
    func open(_ key: String, name: String) -> (store: ExampleStore, report: ValidationReport)? {
        let path = path(key)
        guard access(path, F_OK) == 0 else { return nil }
        guard isWhole(path), let bytes = try? DurableFiles.read(path + "/report.json", limit: 64 << 20),
            let node = try? JSONParser().parse(bytes), var report = ValidationReport(json: node, file: name), report.isValid,
            let store = try? ExampleStore(folder: path), store.count == report.exampleCount
        else {
            try? WholeFolder.remove(path)
            return nil
        }
        report.isCached = true
        utimes(path, nil)
        return (store, report)
    }

    private func isWhole(_ path: String) -> Bool {
        guard let list = try? JSONParser().parse(DurableFiles.read(path + "/" + WholeFolder.listName, limit: 1 << 20)),
            let files = list["files"]?.object, files.count == 3
        else { return false }
        return files.allSatisfy { entry in
            guard !entry.key.contains("/"), let identity = FileIdentity(path: path + "/" + entry.key),
                identity.byteCount == entry.node["bytes"]?.integer
            else { return false }
            return (try? digests.digest(path + "/" + entry.key)) == entry.node["sha256"]?.string
        }
    }

    /// Notes the digests of a new entry, and makes room.
    func keep(_ key: String) {
        if let list = try? JSONParser().parse(DurableFiles.read(path(key) + "/" + WholeFolder.listName, limit: 1 << 20)) {
            for entry in list["files"]?.object ?? [] {
                if let identity = FileIdentity(path: path(key) + "/" + entry.key), let digest = entry.node["sha256"]?.string {
                    digests.remember(identity, digest)
                }
            }
        }
        var entries: [(path: String, used: Int, byteCount: Int)] = []
        for name in (try? FolderListing.names(in: folder)) ?? [] where name != "digests" {
            let path = folder + "/" + name
            guard FolderListing.isFolder(path), let identity = FileIdentity(path: path) else { continue }
            let byteCount = ((try? FolderListing.names(in: path)) ?? []).reduce(0) {
                $0 + (FileIdentity(path: path + "/" + $1)?.byteCount ?? 0)
            }
            // What a killed process has left behind goes after a day.
            let isLeftOver = name.hasPrefix(".")
            if isLeftOver, time(nil) - identity.modifiedSeconds > 86_400 { FolderListing.delete(path) }
            if !isLeftOver { entries.append((path, identity.modifiedSeconds, byteCount)) }
        }
        var sum = entries.reduce(0) { $0 + $1.byteCount }
        for entry in entries.sorted(by: { $0.used < $1.used }) where sum > byteLimit && entry.path != path(key) {
            try? WholeFolder.remove(entry.path)
            sum -= entry.byteCount
        }
    }
}
