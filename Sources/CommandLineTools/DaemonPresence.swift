import CLinux
import Glibc
import JSON
package import Spool
import Storage

/// Whether a daemon works on a spool: a job in a spool without one does not move.
package struct DaemonPresence {
    let layout: SpoolLayout
    package let isRunning: Bool

    package init(_ layout: SpoolLayout) {
        self.layout = layout
        isRunning = Self.isRunning(layout)
    }

    /// What a user is told where none does.
    var warning: String { "no daemon works on \(layout.root): nothing goes on until one is started" }

    /// The daemon holds the spool's lock for as long as it lives. Where the lock cannot be tried,
    /// its last sign of life counts.
    private static func isRunning(_ layout: SpoolLayout) -> Bool {
        guard access(layout.lockFile, F_OK) == 0 else { return false }
        guard access(layout.lockFile, W_OK) == 0, !isRemote(layout.root) else {
            guard let bytes = try? DurableFiles.read(layout.daemonFile, limit: 1 << 20), let node = try? JSONParser().parse(bytes),
                node["state"]?.string == "running", let heartbeat = node["heartbeat"]?.integer
            else { return false }
            return abs(time(nil) - heartbeat) < 30
        }
        guard let lock = try? FileLock(path: layout.lockFile) else { return true }
        withExtendedLifetime(lock) {}
        return false
    }

    /// Whether a file system in user space (sshfs) holds the spool, which knows nothing of locks on
    /// the other machine.
    private static func isRemote(_ path: String) -> Bool {
        var information = statfs()
        return statfs(path, &information) == 0 && information.f_type == 0x6573_5546
    }
}
