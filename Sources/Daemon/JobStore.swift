import Glibc
import Jobs
import Spool
import Storage

/// What the daemon knows of all jobs, and what it writes about them.
///
/// When the spool cannot be read or written for the moment, the store keeps what it has to say and
/// says it when it can. Until then that counts instead of what the files say.
final class JobStore {
    /// What is to be written of a job and could not be yet.
    private struct Pending {
        /// nil once it has been written.
        var status: JobStatus?
        var events: [(level: JobEvent.Level, code: EventCode, message: String, time: Int)] = []
        /// Seconds of the monotonic clock.
        var since: Double
        var failure: String?
    }
    let layout: SpoolLayout
    let journal: Journal
    private let retries: Retries
    /// Whether jobs' folders are measured: only quotas ask for that.
    var countsDisk = false
    private(set) var registry = Registry()
    private var pending: [String: Pending] = [:]
    /// Jobs that failed since the daemon began, and drops that were rejected.
    private(set) var failureCount = 0

    init(_ layout: SpoolLayout, _ retries: Retries, _ journal: Journal) {
        self.layout = layout
        self.retries = retries
        self.journal = journal
    }

    func folder(_ id: String) -> JobFolder { layout.job(id) }

    /// Whether something of a job could not be written yet.
    func isPending(_ id: String) -> Bool { pending[id] != nil }

    func countFailure() { failureCount += 1 }

    /// Tells the system's log how a job has ended; a failure is an error there too, with its
    /// reason.
    func logEnd(of status: JobStatus) {
        let hasFailed = status.state == .failed
        let reason = hasFailed ? status.error.map { ": \($0.message) (\($0.code.rawValue))" } ?? "" : ""
        journal.log(
            hasFailed ? .error : .information, "\(status.id): \(status.state.rawValue)\(reason)", .ended,
            Journal.Subject(job: status.id, step: status.progress.step, user: status.owner, device: status.device))
    }

    // MARK: Reading

    /// A job's status as this daemon knows it.
    /// - Returns: nil if neither its ledger nor its status can be understood.
    /// - Throws: `StorageError` if it cannot be read now.
    func status(_ id: String) throws(StorageError) -> JobStatus? {
        if let held = pending[id]?.status { return held }
        return try folder(id).readStatus()
    }

    /// As ``status(_:)``, for a job that no worker has in hand: what is missing or damaged of
    /// ledger and status is made anew from the other one, or from the job's other files, with an
    /// event.
    /// - Parameter tries: how often reading it has failed; what can never be read counts as damaged
    ///   in the end.
    func repairedStatus(_ id: String, tries: Int) throws(StorageError) -> JobStatus? {
        if let held = pending[id]?.status { return held }
        do throws(StorageError) {
            if let known = try folder(id).record() {
                if let damage = known.damage {
                    noteRepair("\(damage): made anew, \(known.status.state.rawValue)", known.status)
                } else if !known.isShown {
                    write(known.status)
                } else if !known.isEntered {
                    enter(known.status)
                }
                return known.status
            }
        } catch {
            if error.isTransient || tries < 6 { throw error }
        }
        guard let rebuilt = try folder(id).rebuiltStatus(isLast: tries >= 6) else { return nil }
        noteRepair("ledger.json and status.json were missing or damaged: made anew, \(rebuilt.state.rawValue)", rebuilt)
        if let error = rebuilt.error, error.code == .damagedJob {
            failureCount += 1
            journal.log(.error, "\(id): failed: \(error.message)", nil, Journal.Subject(job: id, user: rebuilt.owner))
            record(rebuilt, .error, .failed, "Fine-tuning job failed: \(error.message)")
        }
        return rebuilt
    }

    /// Gives a job of an earlier program its ledger. Its status stays as that program wrote it.
    private func enter(_ status: JobStatus) {
        retries.retryUntilDone("ledger of \(status.id)") { [self] _ in
            // What has been written about the job since then is newer.
            if try folder(status.id).ledger() == .none { try folder(status.id).enter(status.ledger) }
        }
    }

    private func noteRepair(_ message: String, _ status: JobStatus) {
        journal.log(.warning, "\(status.id): \(message)", nil, Journal.Subject(job: status.id, user: status.owner))
        record(status, .warn, .madeAnew, message)
    }

    // MARK: Counting

    /// Takes in a job as it is now.
    func note(_ status: JobStatus, measuring: Bool = false) {
        registry.note(status, diskBytes: measuring && countsDisk ? Registry.size(of: folder(status.id).path) : nil)
    }

    /// Takes in what a job at work says of itself.
    func noteWork(_ status: JobStatus, measuring: Bool = false) {
        registry.noteWork(status, diskBytes: measuring && countsDisk ? Registry.size(of: folder(status.id).path) : nil)
    }

    func noteDeleted(_ owner: Int, _ usage: Usage) { registry.noteDeleted(owner, usage) }

    // MARK: Writing

    /// Gives a job its next state. A step that the life of a job does not have is not taken, and
    /// the journal says so.
    func change(_ status: inout JobStatus, to next: JobState) -> Bool {
        do throws(ForbiddenChange) {
            try status.become(next)
            return true
        } catch {
            journal.log(.error, "\(error); it is left as it is", nil, Journal.Subject(job: status.id, user: status.owner))
            return false
        }
    }

    /// Writes a job's status and an event. What cannot be written is kept and written as soon as it
    /// can be.
    func record(_ status: JobStatus, _ level: JobEvent.Level, _ code: EventCode, _ message: String) {
        keep(status, (level, code, message, Clock.wall()))
    }

    /// As ``record(_:_:_:_:)`` without an event.
    func write(_ status: JobStatus) { keep(status, nil) }

    /// Writes a job's status at once.
    /// - Throws: what keeps it from being written.
    func writeNow(_ status: JobStatus) throws {
        try folder(status.id).write(status)
        registry.note(status)
    }

    private func keep(_ status: JobStatus, _ event: (JobEvent.Level, EventCode, String, Int)?) {
        registry.note(status)
        var entry = pending[status.id] ?? Pending(since: Clock.monotonic())
        entry.status = status
        if let event { entry.events.append(event) }
        pending[status.id] = entry
        retries.retryUntilDone("status of \(status.id)") { [self] _ in try flush(status.id) }
    }

    private func flush(_ id: String) throws {
        guard var entry = pending[id], FolderListing.exists(folder(id).path) else {
            pending[id] = nil
            return
        }
        defer { pending[id] = entry.status == nil && entry.events.isEmpty ? nil : entry }
        do {
            if let status = entry.status {
                try folder(id).write(status)
                entry.status = nil
            }
            let waited = Int(Clock.monotonic() - entry.since)
            if let failure = entry.failure, waited > 0 {
                entry.failure = nil
                let message = "The daemon could not write about this job for \(waited) s: \(failure)"
                entry.events.append((.warn, .writingDelayed, message, Clock.wall()))
            }
            let log = try EventLog(folder(id))
            while let event = entry.events.first {
                try log.append(event.level, event.code, event.message, at: event.time)
                entry.events.removeFirst()
            }
        } catch {
            entry.failure = "\(error)"
            throw error
        }
    }

    /// Removes a job; what it used stays with its owner.
    func delete(_ status: JobStatus) {
        let subject = Journal.Subject(job: status.id)
        do {
            try DeletedUsage.add(status, layout)
            let path = folder(status.id).path
            retries.retryUntilDone("deletion of \(status.id)") { _ in if FolderListing.exists(path) { try WholeFolder.remove(path) } }
            registry.remove(status.id)
            registry.noteDeleted(status.owner ?? 0, status.usage)
            journal.log(.information, "\(status.id): deleted", nil, subject)
        } catch {
            journal.log(.error, "\(status.id): cannot be deleted: \(error)", nil, subject)
        }
    }
}
