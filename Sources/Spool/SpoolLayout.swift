/// The folders of a spool.
package struct SpoolLayout: Sendable, Hashable {
    package let root: String

    package init(root: String) { self.root = root }

    package var incoming: String { root + "/incoming" }
    package var files: String { root + "/files" }
    package var models: String { root + "/models" }
    package var jobs: String { root + "/jobs" }
    package var rejected: String { root + "/rejected" }
    package var control: String { root + "/control" }
    /// Block lists, which deployments name.
    package var filters: String { root + "/filters" }
    package var daemonFile: String { root + "/daemon.json" }
    package var lockFile: String { root + "/.lock" }
    /// The number of the form that the spool's files have.
    package var formatFile: String { root + "/.format" }
    /// The form that this program reads and writes. It grows when a program of before could not
    /// make sense of a spool any more: 2 has ledgers.
    package static let format = 2

    package var folders: [String] { [incoming, files, models, jobs, rejected, control, filters] + DeploymentFiles(self).folders }

    /// Where a drop is taken to before it is a job.
    package func claim(_ id: String) -> String { jobs + "/.claim-" + id }
    /// Where a job's folder is built out of sight.
    package func building(_ id: String) -> String { jobs + "/.new-" + id }

    package func job(_ id: String) -> JobFolder { JobFolder(path: jobs + "/" + id) }
}
