import Storage

/// The SHA-256 of a job's own files that are believed later, `manifest.json`, `job.json`,
/// `ledger.json` and `validation.json`: in `SHA256SUMS` beside them, as sha256sum(1) writes and
/// checks it.
///
/// A file may have two lines: a file that is written anew gets its second digest before it is
/// replaced and loses the first one afterwards, so that one of them holds at every moment. Folders
/// of programs that wrote no such list are read without it.
package enum OwnDigests {
    package static let listName = "SHA256SUMS"

    /// A file that is not what was written.
    package struct Damage: Error, Sendable, Hashable, CustomStringConvertible {
        package var path: String
        package var reason: String

        /// Whether it is the list itself that cannot be understood.
        var isOfList: Bool { DurableFiles.split(path).name == OwnDigests.listName }

        package var description: String { "\(path): \(reason)" }
    }

    /// Reads a file and holds it against the list beside it.
    /// - Throws: ``StorageError``, ``Damage``.
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        let bytes = try DurableFiles.read(path, limit: limit)
        let (folder, name) = DurableFiles.split(path)
        let known = try digests(in: folder).filter { $0.name == name }.map(\.digest)
        guard known.isEmpty || known.contains(SHA256.hexadecimal(of: bytes)) else {
            throw Damage(
                path: path,
                reason:
                    "its SHA-256 is not the one in \(listName): the file was changed or a bit of it has flipped; put it back from a copy, "
                    + "or remove \(listName) to accept it as it is")
        }
        return bytes
    }

    /// Whether the list beside a file names it. A list that cannot be read names none.
    static func lists(_ path: String) -> Bool {
        let (folder, name) = DurableFiles.split(path)
        return (try? digests(in: folder))?.contains { $0.name == name } ?? false
    }

    /// The list's lines for files with these contents.
    package static func list(_ files: [(name: String, content: String)]) -> String {
        files.map { "\(SHA256.hexadecimal(of: Array($0.content.utf8)))  \($0.name)\n" }.joined()
    }

    /// Replaces a file of the list.
    /// - Throws: ``StorageError``, ``Damage``.
    package static func replace(_ path: String, with text: String, mode: UInt32 = 0o644) throws {
        let (folder, name) = DurableFiles.split(path)
        let new = SHA256.hexadecimal(of: Array(text.utf8))
        var lines = try digests(in: folder)
        // Of earlier digests only the one of the file that is there is still of use.
        let present = (try? DurableFiles.read(path, limit: 16 << 20)).map { SHA256.hexadecimal(of: $0) }
        let isUnknown = !lines.contains { $0.name == name }
        lines.removeAll { $0.name == name && $0.digest != present }
        // A file of a folder without a list was believed as it was, and is until it has been
        // replaced.
        if isUnknown, let present { lines.append((present, name)) }
        if !lines.contains(where: { $0.name == name && $0.digest == new }) { lines.append((new, name)) }
        func write() throws { try DurableFiles.replace(folder + "/" + listName, with: lines.map { "\($0.digest)  \($0.name)\n" }.joined()) }
        try write()
        try DurableFiles.replace(path, with: text, mode: mode)
        // Now that only the new one is there, sha256sum(1) is to find nothing wrong either.
        let count = lines.count
        lines.removeAll { $0.name == name && $0.digest != new }
        if lines.count < count { try write() }
    }

    private static func digests(in folder: String) throws -> [(digest: String, name: String)] {
        let path = folder + "/" + listName
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(path, limit: 1 << 20) } catch {
            if error.isMissing { return [] }
            throw error
        }
        return try bytes.split(separator: UInt8(ascii: "\n")).map { line in
            let parts = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].isEmpty, parts[0].utf8.count == 64, parts[0].allSatisfy({ $0.isHexDigit && !$0.isUppercase })
            else {
                throw Damage(
                    path: path,
                    reason:
                        "this list of digests is damaged; remove it if manifest.json, job.json and validation.json beside it are what they should be"
                )
            }
            return (String(parts[0]), String(parts[2]))
        }
    }
}
