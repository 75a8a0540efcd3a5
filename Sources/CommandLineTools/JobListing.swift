import Glibc
import JSON
import Jobs
import Spool
import Storage

/// What a spool holds, read from its files.
enum JobListing {
    /// Ids of all jobs, oldest first.
    static func ids(_ layout: SpoolLayout) -> [String] {
        ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }
    }

    static func statuses(_ layout: SpoolLayout) -> [JobStatus] { ids(layout).compactMap { layout.job($0).status() } }

    /// Whether a daemon works on the spool: its lock is held.
    static func daemonRuns(_ layout: SpoolLayout) -> Bool {
        guard access(layout.lockFile, F_OK) == 0 else { return false }
        // Whoever may not touch the lock goes by the daemon's last sign of life.
        guard access(layout.lockFile, W_OK) == 0 else {
            guard let bytes = try? DurableFiles.read(layout.daemonFile, limit: 1 << 20), let node = try? JSONParser().parse(bytes),
                node["state"]?.string == "running", let heartbeat = node["heartbeat"]?.integer
            else { return false }
            return abs(time(nil) - heartbeat) < 30
        }
        guard let lock = try? FileLock(path: layout.lockFile) else { return true }
        withExtendedLifetime(lock) {}
        return false
    }
}
