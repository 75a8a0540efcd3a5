import CLinux
import Glibc
import JSON

/// A file that grows by whole lines: one write a line, an unfinished last line is cut off when the log is opened.
public final class AppendLog {
    private let descriptor: Int32
    private let path: String

    /// Opens or creates the log.
    /// - Throws: ``StorageError``.
    public init(path: String) throws(StorageError) {
        self.path = path
        descriptor = tala_open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw StorageError(operation: "open", path: path) }
        let end = lseek(descriptor, 0, SEEK_END)
        var keep = end
        var byte: UInt8 = 0
        while keep > 0 {
            guard pread(descriptor, &byte, 1, keep - 1) == 1 else { break }
            if byte == UInt8(ascii: "\n") { break }
            keep -= 1
        }
        if keep < end, ftruncate(descriptor, keep) != 0 { throw StorageError(operation: "truncate", path: path) }
    }

    deinit { close(descriptor) }

    public func append(_ line: String) throws(StorageError) {
        let bytes = Array((line + "\n").utf8)
        try bytes.withBytes { buffer throws(StorageError) in
            try DurableFiles.writeAll(UnsafeRawBufferPointer(buffer), to: descriptor, path: path)
        }
    }

    public func sync() throws(StorageError) {
        guard fsync(descriptor) == 0 else { throw StorageError(operation: "sync", path: path) }
    }
}

/// A lock on a file that the kernel gives up when its holder dies.
public final class FileLock {
    private let descriptor: Int32

    /// Takes the lock, or returns nil if another process has it.
    /// - Throws: ``StorageError`` if the file cannot be opened.
    public init?(path: String) throws(StorageError) {
        let opened = tala_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard opened >= 0 else { throw StorageError(operation: "open", path: path) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            return nil
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
