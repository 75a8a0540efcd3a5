import CLinux
import Glibc

/// A file's bytes in memory, read-only, without loading them.
///
/// Reading a map whose file has been truncated raises SIGBUS: map only files that are ours, or in a
/// process that may die of it.
package final class MappedFile: @unchecked Sendable {
    package let path: String
    package let bytes: UnsafeRawBufferPointer

    /// - Throws: ``StorageError`` if the file cannot be opened or mapped, or is not a regular file.
    package init(path: String) throws(StorageError) {
        self.path = path
        let descriptor = try DurableFiles.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(operation: "stat", path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw StorageError(operation: "map", path: path, errorNumber: EINVAL) }
        let count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = try CurrentFileSystem.value.perform(.map(descriptor, byteCount: count, path: path))
        bytes = UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
    }

    /// Gives back the memory that a part of the file takes in this process; it is read from the
    /// file again when it is next looked at.
    package func evict(_ part: UnsafeRawBufferPointer) {
        guard let first = part.baseAddress, let start = bytes.baseAddress, !part.isEmpty else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let offset = first - start
        guard page > 0, offset >= 0, offset + part.count <= bytes.count else { return }
        let begin = offset / page * page
        madvise(UnsafeMutableRawPointer(mutating: start + begin), offset + part.count - begin, MADV_DONTNEED)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}
