import CLinux
import Glibc
import JSON

/// Folders that are complete and verified, or absent.
///
/// A folder is built under a temporary name; a list of its files with sizes and SHA-256 is written last, as `COMPLETE`; then one rename makes it visible.
/// A reader believes a folder only by that list.
public enum WholeFolder {
    public static let listName = "COMPLETE"

    /// Builds a folder.
    /// - Parameter body: writes files into the temporary folder that it is given, syncing each.
    /// - Throws: what the body throws, and ``StorageError``; the temporary folder is then removed and nothing is visible.
    public static func build(_ path: String, _ body: (_ temporary: String) throws -> Void) throws {
        let (parent, name) = DurableFiles.split(path)
        let temporary = "\(parent)/.\(name).\(UInt32.random(in: .min ... .max)).tmp"
        guard mkdir(temporary, 0o755) == 0 else { throw StorageError(operation: "create folder", path: temporary) }
        do {
            try body(temporary)
            var entries: [JSONMember] = []
            for file in try FolderListing.files(beneath: temporary) {
                var status = stat()
                guard stat(temporary + "/" + file, &status) == 0 else { throw StorageError(operation: "stat", path: file) }
                let digest = try SHA256.hexadecimal(ofFile: temporary + "/" + file)
                entries.append(JSONMember(file, ["bytes": JSONNode(Int(status.st_size)), "sha256": JSONNode(digest)]))
            }
            let list = JSONWriter(isIndented: true).bytes(["files": JSONNode(entries)])
            try list.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: temporary + "/" + listName) }
            for folder in try FolderListing.folders(beneath: temporary).reversed() { try DurableFiles.syncFolder(temporary + "/" + folder) }
            try DurableFiles.syncFolder(temporary)
            if access(path, F_OK) == 0 { try remove(path) }
            guard rename(temporary, path) == 0 else { throw StorageError(operation: "rename", path: path) }
            try DurableFiles.syncFolder(parent)
        } catch {
            FolderListing.delete(temporary)
            throw error
        }
    }

    /// What is wrong with a folder: nil if every file is there with the size and digest that the list says.
    public static func fault(in path: String) -> String? {
        let list: JSONNode
        do { list = try JSONParser().parse(DurableFiles.read(path + "/" + listName, limit: 16 << 20)) } catch {
            return "its list of files (\(listName)) cannot be read"
        }
        guard let files = list["files"]?.object else { return "its list of files is damaged" }
        for entry in files {
            var status = stat()
            guard stat(path + "/" + entry.key, &status) == 0 else { return "\(entry.key) is missing" }
            guard Int(status.st_size) == entry.node["bytes"]?.integer else {
                return "\(entry.key) has \(status.st_size) bytes, not \(entry.node["bytes"]?.integer ?? -1)"
            }
            guard let digest = try? SHA256.hexadecimal(ofFile: path + "/" + entry.key), digest == entry.node["sha256"]?.string else {
                return "the SHA-256 of \(entry.key) is not the one that was written"
            }
        }
        return nil
    }

    /// Removes a folder: renamed out of sight first, so that a half-deleted one is never seen.
    public static func remove(_ path: String) throws(StorageError) {
        let (parent, name) = DurableFiles.split(path)
        let trash = "\(parent)/.trash-\(name)-\(UInt32.random(in: .min ... .max))"
        guard rename(path, trash) == 0 else { throw StorageError(operation: "rename", path: path) }
        try DurableFiles.syncFolder(parent)
        FolderListing.delete(trash)
    }
}

/// What a folder holds.
public enum FolderListing {
    /// Names in a folder, sorted, without `.` and `..`.
    public static func names(in path: String) throws(StorageError) -> [String] {
        guard let directory = opendir(path) else { throw StorageError(operation: "open folder", path: path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func kind(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
    }

    public static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }

    /// Relative paths of all regular files below a folder.
    static func files(beneath path: String, prefix: String = "") throws(StorageError) -> [String] {
        var files: [String] = []
        for name in try names(in: path) {
            let full = path + "/" + name
            if kind(full) == S_IFDIR {
                files += try Self.files(beneath: full, prefix: prefix + name + "/")
            } else {
                files.append(prefix + name)
            }
        }
        return files
    }

    static func folders(beneath path: String, prefix: String = "") throws(StorageError) -> [String] {
        var folders: [String] = []
        for name in try names(in: path) where kind(path + "/" + name) == S_IFDIR {
            folders.append(prefix + name)
            folders += try Self.folders(beneath: path + "/" + name, prefix: prefix + name + "/")
        }
        return folders
    }

    /// Deletes a file or a folder with all that is in it; links are removed, not followed.
    public static func delete(_ path: String) {
        if kind(path) == S_IFDIR {
            for name in (try? names(in: path)) ?? [] { delete(path + "/" + name) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
