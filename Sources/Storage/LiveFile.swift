import CLinux
import Glibc

/// A small file that is overwritten in place and never synced, for others on this machine to look
/// at: a write costs a microsecond, and nothing depends on it.
///
/// Trials do not reach it: a state that does not outlive the machine cannot be lost.
package final class LiveFile {
    private let path: String
    private let descriptor: Int32

    package init(_ path: String) {
        self.path = path
        descriptor = tala_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Puts a line of always the same length in the place of the one before; a line that cannot be
    /// written is skipped.
    package func write(_ line: String) {
        guard descriptor >= 0 else { return }
        let bytes = Array(line.utf8)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }

    package func remove() { unlink(path) }
}
