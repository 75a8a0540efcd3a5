import CLinux
import Glibc
import JSON

/// Files that are complete or absent, whatever happens while they are written.
public enum DurableFiles {
    /// Replaces a file: writes `.NAME.RANDOM.tmp` beside it, syncs it, renames it over the old one, syncs the folder.
    /// - Throws: ``StorageError``; the old file is then untouched. A failed sync is never tried again: its pages would count as clean.
    public static func replace(_ path: String, with bytes: UnsafeRawBufferPointer, mode: UInt32 = 0o644) throws(StorageError) {
        let (folder, name) = split(path)
        let temporary = "\(folder)/.\(name).\(UInt32.random(in: .min ... .max)).tmp"
        do throws(StorageError) {
            try write(bytes, toNew: temporary, mode: mode)
            guard rename(temporary, path) == 0 else { throw StorageError(operation: "rename", path: path) }
        } catch {
            unlink(temporary)
            throw error
        }
        try syncFolder(folder)
    }

    public static func replace(_ path: String, with text: String, mode: UInt32 = 0o644) throws(StorageError) {
        let bytes = Array(text.utf8)
        try bytes.withBytes { buffer throws(StorageError) in try replace(path, with: UnsafeRawBufferPointer(buffer), mode: mode) }
    }

    /// Writes and syncs a file that must not exist yet.
    public static func write(_ bytes: UnsafeRawBufferPointer, toNew path: String, mode: UInt32 = 0o644) throws(StorageError) {
        let descriptor = tala_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw StorageError(operation: "create", path: path) }
        do throws(StorageError) {
            try writeAll(bytes, to: descriptor, path: path)
            guard fsync(descriptor) == 0 else { throw StorageError(operation: "sync", path: path) }
        } catch {
            close(descriptor)
            throw error
        }
        guard close(descriptor) == 0 else { throw StorageError(operation: "close", path: path) }
    }

    public static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(StorageError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw StorageError(operation: "write", path: path)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Makes renames and new names in a folder durable.
    public static func syncFolder(_ path: String) throws(StorageError) {
        let descriptor = tala_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw StorageError(operation: "open", path: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw StorageError(operation: "sync", path: path) }
    }

    /// Reads a whole file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int = 1 << 30) throws(StorageError) -> [UInt8] {
        let descriptor = tala_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw StorageError(operation: "open", path: path) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw StorageError(operation: "read", path: path)
            }
            if count == 0 { return content }
            content.append(contentsOf: buffer[..<count])
            if content.count > limit { throw StorageError(operation: "read", path: path, errorNumber: EFBIG) }
        }
    }

    /// A path's folder and last component.
    public static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}
