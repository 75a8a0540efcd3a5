import CLinux
import Glibc
import JSON

/// A file that does not exist yet, written from front to back and durable when it is finished.
///
/// One failure makes it dead: it is to be thrown away and written anew under another name. A failed
/// sync is never tried again, since the kernel then counts the lost pages as clean.
package final class NewFile {
    package let path: String
    /// Bytes written so far.
    package private(set) var byteCount = 0
    private var descriptor: Int32
    private var isDead = false

    /// Creates the file.
    /// - Parameter reserving: its final size, for which room is reserved at once; a full disk is
    ///   then found before anything is written.
    /// - Throws: ``StorageError``; also if the path exists.
    package init(_ path: String, mode: UInt32 = 0o644, reserving count: Int = 0) throws(StorageError) {
        self.path = path
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        descriptor = Int32(try CurrentFileSystem.value.perform(.open(path: path, flags: flags, mode: mode)))
        guard count > 0 else { return }
        try guarded { fileSystem throws(StorageError) in _ = try fileSystem.perform(.reserve(descriptor, byteCount: count, path: path)) }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try guarded { _ throws(StorageError) in try DurableFiles.writeAll(bytes, to: descriptor, path: path) }
        byteCount += bytes.count
    }

    package func append(_ bytes: [UInt8]) throws(StorageError) {
        try bytes.withBytes { buffer throws(StorageError) in try append(UnsafeRawBufferPointer(buffer)) }
    }

    /// Shares another file's blocks, where the file system can do that.
    /// - Returns: whether it could; if not, nothing has happened.
    func clone(_ source: Int32) -> Bool {
        !isDead && (try? CurrentFileSystem.value.perform(.clone(descriptor, from: source, path: path))) != nil
    }

    /// Syncs and closes the file.
    /// - Parameter durably: false for one that may be lost to a power cut; it is only closed then.
    package func finish(durably: Bool = true) throws(StorageError) {
        try guarded { fileSystem throws(StorageError) in
            if durably { _ = try fileSystem.perform(.sync(descriptor, path: path, isFolder: false)) }
            let closing = descriptor
            descriptor = -1
            _ = try fileSystem.perform(.close(closing, path: path))
        }
    }

    private func guarded(_ body: (any FileSystem) throws(StorageError) -> Void) throws(StorageError) {
        guard !isDead, descriptor >= 0 else { throw StorageError(operation: "write after a failure", path: path, errorNumber: EIO) }
        do throws(StorageError) { try body(CurrentFileSystem.value) } catch {
            isDead = true
            throw error
        }
    }
}
