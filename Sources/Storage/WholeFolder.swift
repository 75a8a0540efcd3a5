import CLinux
import Glibc
import JSON

/// Folders that are complete and verified, or absent.
///
/// A folder is built under a temporary name; a list of its files with sizes and SHA-256 is written
/// last, as `COMPLETE`; then one rename makes it visible. A reader believes a folder only by that
/// list.
package enum WholeFolder {
    package static let listName = "COMPLETE"

    /// Builds a folder.
    /// - Parameters:
    ///   - byteCount: about how large it will be; where there is less room nothing is begun.
    ///   - keepsWhole: a folder that is there and whole stays, for several processes build the same
    ///     one; otherwise it is replaced.
    ///   - body: writes files into the temporary folder that it is given, syncing each.
    /// - Throws: what the body throws, and ``StorageError``; the temporary folder is then removed
    ///   and nothing is visible.
    package static func build(_ path: String, byteCount: Int = 0, keepsWhole: Bool = false, _ body: (_ temporary: String) throws -> Void)
        throws
    {
        try buildWithDigests(path, byteCount: byteCount, keepsWhole: keepsWhole) { temporary in
            try body(temporary)
            return [:]
        }
    }

    /// As ``build(_:byteCount:keepsWhole:_:)``, for files whose digests are known from writing
    /// them: those are not read again.
    /// - Parameter body: gives the size and digest of some of the files, by their paths in the
    ///   folder.
    package static func buildWithDigests(
        _ path: String, byteCount: Int = 0, keepsWhole: Bool = false, _ body: (_ temporary: String) throws -> [String: DurableFiles.Copy]
    ) throws {
        let (parent, name) = DurableFiles.split(path)
        let temporary = DurableFiles.temporaryPath(in: parent, for: name)
        if byteCount > 0 { try FreeSpace.require(byteCount, at: parent) }
        try DurableFiles.makeFolder(temporary, isNew: true)
        do {
            let known = try body(temporary)
            var entries: [JSONMember] = []
            for file in try FolderListing.files(beneath: temporary) {
                guard let size = FolderListing.byteCount(temporary + "/" + file) else {
                    throw StorageError(operation: "list", path: temporary + "/" + file, errorNumber: EINVAL)
                }
                let digest = try known[file]?.digest ?? SHA256.hexadecimal(ofFile: temporary + "/" + file)
                entries.append(JSONMember(file, ["bytes": JSONNode(size), "sha256": JSONNode(digest)]))
            }
            let list = JSONWriter(isIndented: true).bytes(["files": JSONNode(entries)])
            try list.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: temporary + "/" + listName) }
            for folder in try FolderListing.folders(beneath: temporary).reversed() { try DurableFiles.syncFolder(temporary + "/" + folder) }
            try DurableFiles.syncFolder(temporary)
            if keepsWhole {
                try share(temporary, as: path)
            } else {
                if FolderListing.exists(path) { try remove(path) }
                try DurableFiles.rename(temporary, to: path)
            }
            try DurableFiles.syncFolder(parent)
        } catch {
            FolderListing.delete(temporary)
            throw error
        }
    }

    /// Gives a folder its name where others may give theirs the same name at any moment: the first
    /// that is whole stays.
    private static func share(_ temporary: String, as path: String) throws(StorageError) {
        var attempts = 0
        while true {
            do throws(StorageError) {
                return try DurableFiles.rename(temporary, to: path)
            } catch {
                attempts += 1
                guard error.errorNumber == ENOTEMPTY || error.errorNumber == EEXIST, attempts < 1000 else { throw error }
            }
            if try verify(path) == nil { return FolderListing.delete(temporary) }
            // Somebody else may have removed it meanwhile.
            do throws(StorageError) { try remove(path) } catch { if !error.isMissing { throw error } }
        }
    }

    /// What is wrong with a folder: nil if every file is there with the size and digest that the
    /// list says.
    /// - Throws: ``StorageError`` if that cannot be told now (no memory, no descriptors).
    package static func verify(_ path: String) throws(StorageError) -> String? {
        if case .faulty(let fault) = try inspect(path) { return fault }
        return nil
    }

    /// What a folder is found to be.
    package enum Verdict: Sendable, Hashable {
        /// Every file is what was written. The digests of all of them, by their paths in the
        /// folder.
        case whole([String: String])
        case faulty(String)
    }

    /// Reads every file of a folder and holds it against the list.
    /// - Throws: as ``verify(_:)``.
    package static func inspect(_ path: String) throws(StorageError) -> Verdict {
        let list: JSONNode?
        do { list = try JSONParser().parse(DurableFiles.read(path + "/" + listName, limit: 16 << 20)) } catch {
            if let error = error as? StorageError, error.isTransient { throw error }
            list = nil
        }
        guard let list else { return .faulty("its list of files (\(listName)) cannot be read") }
        guard let files = list["files"]?.object else { return .faulty("its list of files is damaged") }
        var digests: [String: String] = [:]
        for entry in files {
            let file = path + "/" + entry.key
            guard let size = FolderListing.byteCount(file) else { return .faulty("\(entry.key) is missing") }
            guard size == entry.node["bytes"]?.integer else {
                return .faulty("\(entry.key) has \(size) bytes, not \(entry.node["bytes"]?.integer ?? -1)")
            }
            let digest: String
            do throws(StorageError) { digest = try SHA256.hexadecimal(ofFile: file) } catch {
                if error.isTransient { throw error }
                return .faulty("\(entry.key) cannot be read (\(error))")
            }
            guard digest == entry.node["sha256"]?.string else {
                return .faulty("the SHA-256 of \(entry.key) is not the one that was written")
            }
            digests[entry.key] = digest
        }
        return .whole(digests)
    }

    /// As ``verify(_:)``, where not being able to tell counts as a fault.
    package static func fault(in path: String) -> String? {
        do throws(StorageError) { return try verify(path) } catch { return "\(error)" }
    }

    /// Removes a folder: renamed out of sight first, so that a half-deleted one is never seen.
    package static func remove(_ path: String) throws(StorageError) {
        let (parent, name) = DurableFiles.split(path)
        let trash = "\(parent)/.trash-\(name)-\(UInt64.random(in: .min ... .max))"
        try DurableFiles.rename(path, to: trash)
        try DurableFiles.syncFolder(parent)
        FolderListing.delete(trash)
    }
}
