import CLinux
import Glibc
import JSON

/// A file that is written from front to back in several goes, as a download is: what an earlier go
/// left is kept, and the next one adds to it.
///
/// As with ``NewFile`` one failure makes it dead: the next go opens it anew and finds what is
/// there.
package final class ResumedFile {
    package let path: String
    /// Bytes that the file has.
    package private(set) var byteCount: Int
    private var descriptor: Int32
    private var isDead = false

    /// Opens the file at its end, or creates it.
    /// - Throws: ``StorageError``; also if the path is a link or no regular file.
    package init(_ path: String, mode: UInt32 = 0o644) throws(StorageError) {
        self.path = path
        descriptor = try DurableFiles.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode)
        byteCount = 0
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(operation: "stat", path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw StorageError(operation: "append to", path: path, errorNumber: EINVAL) }
        byteCount = Int(status.st_size)
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try guarded { _ throws(StorageError) in try DurableFiles.writeAll(bytes, to: descriptor, path: path) }
        byteCount += bytes.count
    }

    package func append(_ bytes: [UInt8]) throws(StorageError) {
        try bytes.withBytes { buffer throws(StorageError) in try append(UnsafeRawBufferPointer(buffer)) }
    }

    /// Throws away what is there.
    package func restart() throws(StorageError) { try cut(to: 0) }

    /// Throws away what is there behind the first bytes.
    package func cut(to count: Int) throws(StorageError) {
        guard count < byteCount else { return }
        try guarded { fileSystem throws(StorageError) in
            _ = try fileSystem.perform(.truncate(descriptor, byteCount: max(0, count), path: path))
        }
        byteCount = max(0, count)
    }

    /// Makes what has been written outlive a power cut.
    package func sync() throws(StorageError) {
        try guarded { fileSystem throws(StorageError) in _ = try fileSystem.perform(.sync(descriptor, path: path, isFolder: false)) }
    }

    /// Syncs and closes the file.
    package func finish() throws(StorageError) {
        try guarded { fileSystem throws(StorageError) in
            _ = try fileSystem.perform(.sync(descriptor, path: path, isFolder: false))
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
