import Jobs
import Spool

/// The jobs of one sweep.
struct SweepGroup {
    let name: String
    /// The oldest first.
    let statuses: [JobStatus]

    /// - Parameter word: the group's name, or its end.
    /// - Throws: ``CommandFailure`` where no group or more than one is meant.
    init(_ word: String, _ layout: SpoolLayout) throws {
        let all = JobListing.statuses(layout).filter { $0.sweep != nil }
        let groups = Set(all.compactMap { $0.sweep?.group }.filter { $0 == word || $0.hasSuffix(word) })
        guard let name = groups.first else {
            throw CommandFailure(.notFound, "there is no group \"\(Terminal.safe(word))\" of jobs in \(layout.jobs)")
        }
        guard groups.count == 1 else {
            throw CommandFailure(.notFound, "\"\(Terminal.safe(word))\" may be any of \(groups.count) groups: give more of the name")
        }
        self.name = name
        statuses = all.filter { $0.sweep?.group == name }
    }
}
