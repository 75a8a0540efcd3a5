import Jobs
package import Spool
import Storage

/// The jobs that a spool holds, read from its files.
package enum JobListing {
    /// Ids of all jobs, oldest first.
    package static func ids(_ layout: SpoolLayout) -> [String] {
        ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }
    }

    static func statuses(_ layout: SpoolLayout) -> [JobStatus] { ids(layout).compactMap { layout.job($0).status() } }
}
