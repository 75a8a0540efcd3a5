import CLinux
import Glibc

/// Whether this process can open things, tried and not computed: a sandbox says no where modes say
/// yes.
package enum Reachability {
    package static func canRead(_ path: String) -> Bool { canOpen(path, O_RDONLY) }
    package static func canWrite(_ path: String) -> Bool { canOpen(path, O_WRONLY | O_APPEND) }

    private static func canOpen(_ path: String, _ flags: Int32) -> Bool {
        let descriptor = tala_open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }
}
