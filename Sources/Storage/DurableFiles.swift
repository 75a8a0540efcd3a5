import CLinux
import Glibc
import JSON

/// Files that are complete or absent, even if writing is interrupted.
package enum DurableFiles {
    /// Replaces a file: writes `.NAME.RANDOM.tmp` beside it, syncs it, renames it over the old one,
    /// syncs the folder.
    /// - Parameter durably: false where the file may be lost to a power cut, as a heartbeat may:
    ///   nothing is synced then. A reader still finds the old file or the new one whole, as long as
    ///   the system runs; after a power cut the file may be of either, empty or cut.
    /// - Throws: ``StorageError``; the old file is then untouched, unless only the last sync
    ///   failed. No sync is ever tried again.
    package static func replace(
        _ path: String, with bytes: UnsafeRawBufferPointer, mode: UInt32 = 0o644, durably: Bool = true
    ) throws(StorageError) {
        let (folder, name) = split(path)
        let temporary = temporaryPath(in: folder, for: name)
        do throws(StorageError) {
            try write(bytes, toNew: temporary, mode: mode, durably: durably)
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
        if durably { try syncFolder(folder) }
    }

    package static func replace(_ path: String, with text: String, mode: UInt32 = 0o644, durably: Bool = true) throws(StorageError) {
        let bytes = Array(text.utf8)
        try bytes.withBytes { buffer throws(StorageError) in
            try replace(path, with: UnsafeRawBufferPointer(buffer), mode: mode, durably: durably)
        }
    }

    /// Writes a file that must not exist yet, and syncs it unless it need not be durable.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, toNew path: String, mode: UInt32 = 0o644, durably: Bool = true
    ) throws(StorageError) {
        let file = try NewFile(path, mode: mode)
        try file.append(bytes)
        try file.finish(durably: durably)
    }

    /// What a copy took.
    package struct Copy: Sendable, Hashable {
        package var byteCount: Int
        /// Of the copy's bytes, in hexadecimal digits.
        package var digest: String

        package init(byteCount: Int, digest: String) { (self.byteCount, self.digest) = (byteCount, digest) }
    }

    /// Copies a regular file to a path that must not exist yet, sharing its blocks where the file
    /// system can, and syncs the copy.
    /// - Throws: ``StorageError``; EFBIG if it has more than `limit` bytes.
    package static func copy(_ source: String, toNew path: String, mode: UInt32 = 0o644, limit: Int = .max) throws(StorageError) -> Copy {
        let descriptor = try open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(operation: "stat", path: source) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw StorageError(operation: "copy", path: source, errorNumber: EINVAL) }
        guard Int(status.st_size) <= limit else { throw StorageError(operation: "copy", path: source, errorNumber: EFBIG) }
        do throws(StorageError) {
            let file = try NewFile(path, mode: mode)
            if file.clone(descriptor) {
                try file.finish()
                let size = FolderListing.byteCount(path) ?? 0
                guard size <= limit else { throw StorageError(operation: "copy", path: source, errorNumber: EFBIG) }
                return Copy(byteCount: size, digest: try SHA256.hexadecimal(ofFile: path))
            }
            let hash = SHA256()
            try pieces(descriptor, source) { bytes throws(StorageError) in
                guard file.byteCount + bytes.count <= limit else { throw StorageError(operation: "copy", path: source, errorNumber: EFBIG) }
                hash.update(bytes)
                try file.append(bytes)
            }
            try file.finish()
            return Copy(byteCount: file.byteCount, digest: hash.finish())
        } catch {
            try? remove(path)
            throw error
        }
    }

    static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(StorageError) {
        var rest = bytes
        let fileSystem = CurrentFileSystem.value
        while !rest.isEmpty {
            let count = try fileSystem.perform(.write(descriptor, rest, path: path))
            guard count > 0, count <= rest.count else { throw StorageError(operation: "write", path: path, errorNumber: EIO) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Makes renames and new names in a folder durable.
    package static func syncFolder(_ path: String) throws(StorageError) {
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        _ = try CurrentFileSystem.value.perform(.sync(descriptor, path: path, isFolder: true))
    }

    /// Gives a file or folder another name on the same file system. Durable after the folder's
    /// sync.
    package static func rename(_ old: String, to new: String) throws(StorageError) {
        _ = try CurrentFileSystem.value.perform(.rename(from: old, to: new))
    }

    /// Removes one name of a file. Durable after the folder's sync.
    package static func remove(_ path: String) throws(StorageError) { _ = try CurrentFileSystem.value.perform(.remove(path: path)) }

    /// Makes a folder; one that is there already is taken as it is, unless `isNew`.
    package static func makeFolder(_ path: String, mode: UInt32 = 0o755, isNew: Bool = false) throws(StorageError) {
        do throws(StorageError) { _ = try CurrentFileSystem.value.perform(.makeFolder(path: path, mode: mode)) } catch {
            guard !isNew, error.errorNumber == EEXIST, FolderListing.isFolder(path) else { throw error }
        }
    }

    /// Reads a whole file of at most `limit` bytes.
    package static func read(_ path: String, limit: Int = 1 << 30) throws(StorageError) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        defer { close(descriptor) }
        var content: [UInt8] = []
        try pieces(descriptor, path) { bytes throws(StorageError) in
            guard bytes.count <= limit - content.count else { throw StorageError(operation: "read", path: path, errorNumber: EFBIG) }
            content.append(contentsOf: bytes)
        }
        return content
    }

    /// Opens a file; the caller closes it.
    package static func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0) throws(StorageError) -> Int32 {
        Int32(truncatingIfNeeded: try CurrentFileSystem.value.perform(.open(path: path, flags: flags, mode: mode)))
    }

    /// Gives a file's bytes from where it stands to its end.
    static func pieces(_ descriptor: Int32, _ path: String, _ body: (UnsafeRawBufferPointer) throws(StorageError) -> Void)
        throws(StorageError)
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        let fileSystem = CurrentFileSystem.value
        while true {
            let count = try fileSystem.perform(.read(descriptor, into: buffer, path: path))
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// A name beside `name` that no reader looks at.
    static func temporaryPath(in folder: String, for name: String) -> String {
        "\(folder)/.\(name).\(UInt64.random(in: .min ... .max)).tmp"
    }

    /// A path's folder and last component.
    package static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}
