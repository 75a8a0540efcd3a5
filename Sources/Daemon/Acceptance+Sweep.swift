import Jobs
import Manifest
import Spool
import Storage

extension Acceptance {
    /// Accepts all jobs of a sweep, or none.
    /// - Parameter id: of the first job; the others get ids from `further`.
    /// - Throws: `ManifestError` for the first that cannot be, ``StorageError``.
    func takeSweep(_ jobs: [ManifestJobs.Job], _ drop: ClaimedDrop, id: String, further: () -> String) throws -> Result {
        if let error = drop.judges.refusal(drop.user, jobs.count) { throw error }
        let ids = [id] + jobs.dropFirst().map { _ in further() }
        var acceptances: [JobAcceptance] = []
        var checked: [String]?
        for (index, job) in jobs.enumerated() {
            do {
                // The list may be long, and is mostly the same for all.
                if job.manifest.after != checked { try checkDependencies(job.manifest, drop) }
                checked = job.manifest.after
                acceptances.append(try decide(job.manifest, drop))
            } catch var error as ManifestError {
                error.message += " (in the job of the sweep with \(job.title))"
                throw error
            }
            acceptances[index].sweep = SweepPlace(
                group: SweepPlace.group(ofFirst: id), index: index + 1, count: jobs.count, values: job.values)
        }
        let building = layout.building(id)
        FolderListing.delete(building)
        try DurableFiles.makeFolder(building, mode: 0o750, isNew: true)
        var statuses: [(JobStatus, Manifest)] = []
        for (index, job) in jobs.enumerated() {
            let folder = building + "/" + ids[index]
            let status = try write(job.manifest, acceptances[index], id: ids[index], into: folder)
            try DurableFiles.syncFolder(folder)
            statuses.append((status, job.manifest))
        }
        try SweepFolder.list(ids, in: building)
        if let bundle = drop.claim.bundle, drop.claim.isMovable {
            try DurableFiles.rename(bundle, to: building + "/" + SweepFolder.bundleName)
        }
        try DurableFiles.syncFolder(building)
        let folder = SweepFolder(layout, id)
        try folder.commit(building)
        return .swept(folder, statuses)
    }
}
