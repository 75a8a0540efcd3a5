/// The folders of a spool.
public struct SpoolLayout: Sendable, Hashable {
    public let root: String

    public init(root: String) { self.root = root }

    public var incoming: String { root + "/incoming" }
    public var files: String { root + "/files" }
    public var models: String { root + "/models" }
    public var jobs: String { root + "/jobs" }
    public var rejected: String { root + "/rejected" }
    public var control: String { root + "/control" }
    public var daemonFile: String { root + "/daemon.json" }
    public var lockFile: String { root + "/.lock" }

    public var folders: [String] { [incoming, files, models, jobs, rejected, control] }

    /// Where a drop is taken to before it is a job.
    public func claim(_ id: String) -> String { jobs + "/.claim-" + id }
    /// Where a job's folder is built out of sight.
    public func building(_ id: String) -> String { jobs + "/.new-" + id }

    public func job(_ id: String) -> JobFolder { JobFolder(path: jobs + "/" + id) }
}
