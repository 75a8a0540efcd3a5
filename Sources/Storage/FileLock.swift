import CLinux
import Glibc

/// A lock on a file that the kernel gives up when its holder dies.
public final class FileLock {
    private let descriptor: Int32

    /// Takes the lock, or returns nil if another process has it.
    /// - Throws: ``StorageError`` if the file cannot be opened.
    public init?(path: String) throws(StorageError) {
        let opened = try DurableFiles.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            return nil
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
