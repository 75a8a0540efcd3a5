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
    /// The number of the form that the spool's files have.
    public var formatFile: String { root + "/.format" }
    /// The form that this program reads and writes. It grows when a program of before could not make sense of a spool any more.
    public static let format = 1

    public var folders: [String] { [incoming, files, models, jobs, rejected, control] }

    /// Where a drop is taken to before it is a job.
    public func claim(_ id: String) -> String { jobs + "/.claim-" + id }
    /// Where a job's folder is built out of sight.
    public func building(_ id: String) -> String { jobs + "/.new-" + id }

    public func job(_ id: String) -> JobFolder { JobFolder(path: jobs + "/" + id) }
}
