import CLinux
import Glibc

/// Room that is held back on the disk, so that on a full one there is still enough to say so.
package final class Ballast {
    private let path: String

    package static let usualByteCount = 16 << 20

    /// Takes the room, or less of it (down to nothing) where the disk has not much left.
    /// - Parameter path: a file that is replaced.
    package init(_ path: String, byteCount: Int = Ballast.usualByteCount) {
        self.path = path
        let free = FreeSpace.byteCount(at: DurableFiles.split(path).folder) ?? 0
        let count = min(byteCount, free / 16)
        guard count >= 1 << 16, let descriptor = try? DurableFiles.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) else {
            return
        }
        defer { close(descriptor) }
        let fileSystem = CurrentFileSystem.value
        do throws(StorageError) {
            _ = try fileSystem.perform(.reserve(descriptor, byteCount: count, path: path))
            _ = try fileSystem.perform(.truncate(descriptor, byteCount: count, path: path))
        } catch { release() }
    }

    /// Gives the room back.
    package func release() { try? DurableFiles.remove(path) }

    deinit { release() }
}
