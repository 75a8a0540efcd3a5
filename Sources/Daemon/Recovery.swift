import Glibc
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Reads what the last daemon left. What is done is a function of the files alone:
    ///
    /// | on disk | what is done |
    /// | --- | --- |
    /// | `.claim-ID` or `incoming/.taken-ID`, no job of that id | the drop goes back into `incoming/` |
    /// | `.claim-ID`, and the job is there | the rest of the claim goes |
    /// | `.new-ID` | a bundle in it goes back into `incoming/`, the rest goes |
    /// | `.trash-*` | deleted |
    /// | a job that is `running` or `queued` | it waits for a device; not validated: for validation |
    /// | a job without `ledger.json`, of an earlier program | the ledger is made from `status.json` |
    /// | `ledger.json` or `status.json` that cannot be understood | it is made anew from the other one |
    /// | neither of them can be understood | both are made anew from manifest, validation and events |
    /// | nor can manifest and acceptance | the job has failed |
    /// | `.*.tmp`, `.trash-*`, `.ballast` of a job that nobody holds | deleted |
    /// | a job that is given up | it is salvaged |
    /// | a job that is `validating_files` | it waits for validation |
    /// | `paused` for want of room | it goes on when there is room |
    /// | a job that has ended | its tokenised data is deleted |
    /// | `paused` over a quota of the month | it goes on when the quota allows it |
    /// | `cancelled`, and its checkpoint not exported yet | it is exported |
    /// | all other states | nothing |
    /// - Throws: `StorageError` if the jobs cannot be listed, whatever is waited.
    func recover() throws {
        insist(on: "reading of .usage.json") { daemon, _ in
            for (owner, usage) in try DeletedUsage.read(daemon.layout) { daemon.registry.noteDeleted(owner, usage) }
        }
        let names = try Self.persist(journal, mustStop) { try FolderListing.names(in: layout.jobs) }
        var waiting: [JobStatus] = []
        for (index, name) in names.enumerated() {
            if index % 1000 == 999 { notifier.send("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading jobs, \(index) of \(names.count)") }
            if name.hasPrefix(".claim-") {
                recoverDrop(String(name.dropFirst(7)))
            } else if name.hasPrefix(".new-") {
                recoverDrop(String(name.dropFirst(5)))
            } else if name.hasPrefix(".trash-") {
                FolderListing.delete(layout.jobs + "/" + name)
            } else if let milliseconds = JobIdentifier.milliseconds(of: name) {
                // Names that somebody made up must not use up all that are left.
                if milliseconds < 1 << 47 { newestIdentifier = max(newestIdentifier, milliseconds) }
                do { if let status = try recoverJob(name, tries: 0) { waiting.append(status) } } catch {
                    // One file that cannot be read must not keep all others waiting.
                    journal.log(.error, "\(name): \(error); trying again", nil, Journal.Subject(job: name))
                    deferred.add(Self.takingUp(name), tries: 1, due: Clock.monotonic() + 0.1) { daemon, tries in
                        guard let status = try daemon.recoverJob(name, tries: tries) else { return daemon.lateEnd(name) }
                        daemon.takeUp(status)
                    }
                }
            }
        }
        insist(on: "looking for drops that were taken") { daemon, _ in
            for name in try FolderListing.names(in: daemon.layout.incoming) where name.hasPrefix(Claim.takenPrefix) {
                daemon.recoverTaken(String(name.dropFirst(Claim.takenPrefix.utf8.count)))
            }
        }
        // Only now are the states of all jobs known that others may wait for.
        for status in waiting { takeUp(status) }
    }

    static func takingUp(_ id: String) -> String { "taking up of \(id)" }

    private func recoverDrop(_ id: String) { insist(on: "giving back of \(id)") { daemon, _ in try daemon.giveBack(id) } }

    private func recoverTaken(_ id: String) {
        if !FolderListing.exists(layout.job(id).path) {
            recoverDrop(id)
        } else if layout.job(id).isValidated {
            FolderListing.delete(layout.incoming + "/" + Claim.takenPrefix + id)
        }
    }

    /// Tells those that wait for a job which turned out late to have ended.
    private func lateEnd(_ id: String) {
        if let status = try? status(id), status.state.isFinal { ended(status) }
    }

    /// - Returns: the status, if the job waits for something.
    private func recoverJob(_ id: String, tries: Int) throws -> JobStatus? {
        let folder = layout.job(id)
        // Whoever holds the lock may still be writing; nobody else leaves anything half done that is wanted.
        let lock = try? FileLock(path: folder.lockFile)
        defer { withExtendedLifetime(lock) {} }
        if lock != nil { folder.removeLitter() }
        // A worker that is still leaving writes both files itself.
        guard var status = lock == nil ? try folder.readStatus() : try knownStatus(id, tries: tries) else {
            journal.log(
                .error, "\(id): there is no ledger.json, status.json, manifest.json or job.json; the folder is left alone", nil,
                Journal.Subject(job: id)
            )
            return nil
        }
        if status.state == .running, change(&status, to: .queued), lock != nil { keep(status) }
        if status.state.isFinal { folder.removeTokens() }
        registry.note(status, diskBytes: authority.policy == nil ? nil : Registry.size(of: folder.path))
        return status.state.isFinal && status.reason != .exportingCheckpoint ? nil : status
    }

    private func takeUp(_ status: JobStatus) {
        switch status.state {
        case .queued where status.reason == .givingUp: salvages.append(status.id)
        case .queued, .validatingFiles: enqueue(status)
        case .cancelled: salvages.append(status.id)
        case .paused where status.reason == .diskFull: waitingForRoom.insert(status.id)
        case .paused where status.reason == .quotaExceeded: waitingForQuota.insert(status.id)
        default: break
        }
    }
}
