import Jobs
import Spool
import Storage

/// Brings the jobs of sweeps to their places, and keeps what was dropped with them until none needs
/// it any more.
final class SweepKeeper {
    private let store: JobStore
    private let retries: Retries
    /// The jobs of each sweep whose folder is still there.
    private var kept: [String: [String]] = [:]

    init(_ store: JobStore, _ retries: Retries) { (self.store, self.retries) = (store, retries) }

    /// Places the jobs of an accepted sweep, now or as soon as that can be done.
    /// - Parameter done: called when all are in their places.
    func place(_ folder: SweepFolder, _ done: @escaping (_ jobs: [String], _ isLate: Bool) -> Void) {
        retries.retryUntilDone("placing the jobs of the sweep \(folder.id)") { [self] tries in
            let jobs = try folder.place()
            kept[folder.id] = jobs
            done(jobs, tries > 0)
        }
    }

    /// Deletes the folders that no job needs any more.
    func look() {
        for (id, jobs) in kept {
            // Most of the time the states say enough, and no file is looked at.
            guard !jobs.contains(where: { store.registry.state($0) == .validatingFiles }) else { continue }
            let folder = SweepFolder(store.layout, id)
            guard !jobs.contains(where: { folder.needsBundle($0) }) else { continue }
            kept[id] = nil
            retries.retryUntilDone("deletion of the folder of the sweep \(id)") { _ in if folder.exists { try folder.remove() } }
        }
    }
}
