import CLinux
import Glibc

/// A lock on a file that the kernel gives up when its holder dies.
package final class FileLock {
    private let descriptor: Int32

    /// Takes the lock, or returns nil if another process has it.
    /// - Parameter patience: seconds that another may go on to have it. A holder that was killed
    ///   may live on for an instant in a child that has not yet become another program, and a
    ///   process that only asks whether a lock is free holds it for that instant.
    /// - Throws: ``StorageError`` if the file cannot be opened.
    package init?(path: String, patience: Double = 0) throws(StorageError) {
        let opened = try DurableFiles.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        var triesLeft = Int(max(0, min(3600, patience)) * 50)
        while flock(opened, LOCK_EX | LOCK_NB) != 0 {
            guard triesLeft > 0 else {
                close(opened)
                return nil
            }
            triesLeft -= 1
            usleep(20_000)
        }
        descriptor = opened
    }

    deinit {
        // Closing alone would leave the lock with a child that is just being started.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
