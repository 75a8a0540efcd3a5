import Glibc
import Jobs
import Spool
import Storage

/// Reads what the last daemon left. What is done is a function of the files alone:
///
/// | on disk | what is done |
/// | --- | --- |
/// | `.claim-ID` or `incoming/.taken-ID`, no job of that id | the drop goes back into `incoming/` |
/// | `.claim-ID`, and the job is there | the rest of the claim goes |
/// | `.sweep-ID` | the jobs in it are accepted: they go to their places |
/// | `.new-ID` | a bundle in it goes back into `incoming/`, the rest goes |
/// | `.trash-*` | deleted |
/// | a job that is `running` or `queued` | it waits for a device; not validated: for validation |
/// | a job without `ledger.json`, of an earlier program | the ledger is made from `status.json` |
/// | `ledger.json` or `status.json` that cannot be understood | made anew from the other one |
/// | neither of them can be understood | both are made anew from manifest, validation and events |
/// | nor can manifest and acceptance | the job has failed |
/// | `.*.tmp`, `.trash-*`, `.ballast` of a job whose lock is free | deleted |
/// | a job that is given up | it is salvaged |
/// | a job that is `validating_files` | it waits for validation |
/// | `paused` for want of room | it goes on when there is room |
/// | a job that has ended | its tokenised data is deleted |
/// | `paused` over a quota of the month | it goes on when the quota allows it |
/// | `cancelled`, and its checkpoint not exported yet | it is exported |
/// | all other states | nothing |
struct Recovery {
    let store: JobStore
    let scheduler: Scheduler
    let intake: Intake
    let sweeps: SweepKeeper
    let retries: Retries
    let notifier: Notifier

    private var layout: SpoolLayout { store.layout }

    /// - Throws: `StorageError` if the jobs cannot be listed, whatever is waited.
    func run(_ mustStop: () -> Bool) throws {
        retries.retryUntilDone("reading of .usage.json") { _ in
            for (owner, usage) in try DeletedUsage.read(layout) { store.noteDeleted(owner, usage) }
        }
        // Before anything is said of claims: a sweep's first job may still be on its way.
        let begun = try Retries.persist(store.journal, mustStop) { try FolderListing.names(in: layout.jobs) }
        for name in begun where name.hasPrefix(SweepFolder.prefix) { place(String(name.dropFirst(SweepFolder.prefix.utf8.count))) }
        let names = try Retries.persist(store.journal, mustStop) { try FolderListing.names(in: layout.jobs) }
        var waiting: [JobStatus] = []
        for (index, name) in names.enumerated() {
            if index % 1000 == 999 { notifier.send("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading jobs, \(index) of \(names.count)") }
            if name.hasPrefix(".claim-") {
                intake.restoreDropLater(String(name.dropFirst(7)))
            } else if name.hasPrefix(".new-") {
                intake.restoreDropLater(String(name.dropFirst(5)))
            } else if name.hasPrefix(".trash-") {
                FolderListing.delete(layout.jobs + "/" + name)
            } else if let milliseconds = JobIdentifier.milliseconds(of: name) {
                intake.note(identifier: milliseconds)
                do { if let status = try recover(name, tries: 0) { waiting.append(status) } } catch {
                    // One file that cannot be read must not keep all others waiting.
                    store.journal.log(.error, "\(name): \(error); trying again", nil, Journal.Subject(job: name))
                    retries.retryLater(Self.recovering(name), tries: 1, after: 0.1) { tries in
                        guard let status = try recover(name, tries: tries) else { return notifyOfLateEnd(name) }
                        scheduler.admit(status)
                    }
                }
            }
        }
        retries.retryUntilDone("looking for drops that were taken") { _ in
            for name in try FolderListing.names(in: layout.incoming) where name.hasPrefix(Claim.takenPrefix) {
                recoverClaim(String(name.dropFirst(Claim.takenPrefix.utf8.count)))
            }
        }
        // Only now are the states of all jobs known that others may wait for.
        for status in waiting { scheduler.admit(status) }
    }

    /// Brings the jobs of a sweep to their places. Those that come there later than the others are
    /// looked for below are taken over then.
    private func place(_ id: String) {
        sweeps.place(SweepFolder(layout, id)) { jobs, isLate in
            guard isLate else { return }
            for job in jobs where store.registry.state(job) == nil {
                if let milliseconds = JobIdentifier.milliseconds(of: job) { intake.note(identifier: milliseconds) }
                retries.retryUntilDone(Self.recovering(job)) { tries in
                    if let status = try recover(job, tries: tries) { scheduler.admit(status) }
                }
            }
        }
    }

    static func recovering(_ id: String) -> String { "recovery of \(id)" }

    private func recoverClaim(_ id: String) {
        // What stays for the jobs of a sweep goes with the sweep's folder.
        if SweepFolder(layout, id).exists { return }
        if !FolderListing.exists(layout.job(id).path) {
            intake.restoreDropLater(id)
        } else if layout.job(id).isValidated {
            FolderListing.delete(layout.incoming + "/" + Claim.takenPrefix + id)
        }
    }

    /// Tells those that wait for a job which turned out late to have ended.
    private func notifyOfLateEnd(_ id: String) {
        if let status = (try? store.status(id)) ?? nil, status.state.isFinal { scheduler.notifyDependents(of: status) }
    }

    /// - Returns: the status, if the job waits for something.
    private func recover(_ id: String, tries: Int) throws -> JobStatus? {
        let folder = layout.job(id)
        // The lock's holder may still be writing; nothing else unfinished is wanted.
        let lock = try? FileLock(path: folder.lockFile)
        defer { withExtendedLifetime(lock) {} }
        if lock != nil { folder.removeLitter() }
        // A worker that is still leaving writes both files itself.
        guard var status = try lock == nil ? store.status(id) : store.repairedStatus(id, tries: tries) else {
            store.journal.log(
                .error, "\(id): there is no ledger.json, status.json, manifest.json or job.json; the folder is left alone", nil,
                Journal.Subject(job: id))
            return nil
        }
        if status.state == .running, store.change(&status, to: .queued), lock != nil { store.write(status) }
        if status.state.isFinal {
            folder.removeTokens()
            if lock != nil { folder.removePulse() }
        }
        store.note(status, measuring: true)
        return status.state.isFinal && status.reason != .exportingCheckpoint ? nil : status
    }
}
