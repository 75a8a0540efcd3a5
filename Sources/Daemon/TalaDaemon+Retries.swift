import Glibc
import Jobs
import Spool
import Storage

/// What the daemon does when the spool cannot be read or written for the moment: it keeps what it has to say, and says it when it can.
extension TalaDaemon {
    /// What is to be written of a job and could not be yet. Until then it counts instead of what the files say.
    struct Unwritten {
        /// nil once it has been written.
        var status: JobStatus?
        var events: [(level: JobEvent.Level, code: EventCode, message: String, time: Int)] = []
        /// Seconds of the monotonic clock.
        var since: Double
        var failure: String?
    }

    // MARK: Trying again

    /// Does something now; if it cannot be done, again later until it can be.
    func insist(on key: String, _ work: @escaping Deferred.Work) {
        // What waits already keeps its time: a full disk is not asked more often because more is to be written.
        guard !deferred.contains(key) else { return }
        attempt(key, Deferred.Item(work: work, tries: 0, due: 0))
    }

    func retryWhatIsDue() { for (key, item) in deferred.take(now: Clock.monotonic()) { attempt(key, item) } }

    private func attempt(_ key: String, _ item: Deferred.Item) {
        do { try item.work(self, item.tries) } catch {
            let delay = Deferred.delay(tries: item.tries + 1)
            // The first time, and then less and less often.
            if item.tries & (item.tries + 1) == 0 { journal.log(.error, "\(key): \(error); trying again") }
            deferred.add(key, tries: item.tries + 1, due: Clock.monotonic() + delay, item.work)
        }
    }

    /// Does something without which the daemon cannot begin. What may pass is waited for, the rest for some seconds.
    static func persist<Value>(_ journal: Journal, _ mustStop: () -> Bool, _ work: () throws -> Value) throws -> Value {
        var tries = 0
        while true {
            do { return try work() } catch let error as StorageError {
                tries += 1
                guard error.isTransient || error.isOutOfSpace || error.errorNumber == EIO && tries < 8, !mustStop() else { throw error }
                if tries & (tries - 1) == 0 { journal.log(.error, "\(error); trying again") }
                usleep(UInt32(min(1, Deferred.delay(tries: tries)) * 1_000_000))
            }
        }
    }

    // MARK: Statuses

    /// Gives a job its next state. A step that the life of a job does not have is not taken, and the journal says so.
    func change(_ status: inout JobStatus, to next: JobState) -> Bool {
        do throws(ForbiddenChange) {
            try status.become(next)
            return true
        } catch {
            journal.log(.error, "\(error); it is left as it is", nil, Journal.Subject(job: status.id, user: status.owner))
            return false
        }
    }

    /// A job's status as this daemon knows it.
    /// - Returns: nil if neither its ledger nor its status can be understood.
    /// - Throws: `StorageError` if it cannot be read now.
    func status(_ id: String) throws(StorageError) -> JobStatus? {
        if let held = unwritten[id]?.status { return held }
        return try layout.job(id).readStatus()
    }

    /// As ``status(_:)``, for a job that no worker has in hand: what is missing or damaged of ledger and status is made anew from the other one, or
    /// from the job's other files, with an event.
    /// - Parameter tries: how often reading it has failed; what can never be read counts as damaged in the end.
    func knownStatus(_ id: String, tries: Int) throws(StorageError) -> JobStatus? {
        if let held = unwritten[id]?.status { return held }
        do throws(StorageError) {
            if let record = try layout.job(id).record() {
                if let damage = record.damage {
                    tellOfDamage(damage, record.status)
                } else if !record.isShown || !record.isEntered {
                    keep(record.status)
                }
                return record.status
            }
        } catch {
            if error.isTransient || tries < 6 { throw error }
        }
        guard let rebuilt = try layout.job(id).rebuiltStatus(isLast: tries >= 6) else { return nil }
        let message = "ledger.json and status.json were missing or damaged: made anew, \(rebuilt.state.rawValue)"
        journal.log(.warning, "\(id): \(message)", nil, Journal.Subject(job: id, user: rebuilt.owner))
        record(rebuilt, layout.job(id), .warn, .madeAnew, message)
        if let error = rebuilt.error, error.code == .damagedJob {
            failures += 1
            journal.log(.error, "\(id): failed: \(error.message)", nil, Journal.Subject(job: id, user: rebuilt.owner))
            record(rebuilt, layout.job(id), .error, .failed, "Fine-tuning job failed: \(error.message)")
        }
        return rebuilt
    }

    private func tellOfDamage(_ damage: String, _ status: JobStatus) {
        let message = "\(damage): made anew, \(status.state.rawValue)"
        journal.log(.warning, "\(status.id): \(message)", nil, Journal.Subject(job: status.id, user: status.owner))
        record(status, layout.job(status.id), .warn, .madeAnew, message)
    }

    /// Writes a job's status and an event. What cannot be written is kept and written as soon as it can be.
    func record(_ status: JobStatus, _ folder: JobFolder, _ level: JobEvent.Level, _ code: EventCode, _ message: String) {
        keep(status, event: (level, code, message, Clock.wall()))
    }

    /// As ``record(_:_:_:_:_:)`` without an event.
    func keep(_ status: JobStatus, event: (JobEvent.Level, EventCode, String, Int)? = nil) {
        registry.note(status)
        var words = unwritten[status.id] ?? Unwritten(since: Clock.monotonic())
        words.status = status
        if let event { words.events.append(event) }
        unwritten[status.id] = words
        insist(on: "status of \(status.id)") { daemon, _ in try daemon.writeDown(status.id) }
    }

    private func writeDown(_ id: String) throws {
        let folder = layout.job(id)
        guard var words = unwritten[id], FolderListing.exists(folder.path) else {
            unwritten[id] = nil
            return
        }
        defer { unwritten[id] = words.status == nil && words.events.isEmpty ? nil : words }
        do {
            if let status = words.status {
                try folder.write(status)
                words.status = nil
            }
            let waited = Int(Clock.monotonic() - words.since)
            if let failure = words.failure, waited > 0 {
                words.failure = nil
                words.events.append(
                    (.warn, .writingDelayed, "The daemon could not write about this job for \(waited) s: \(failure)", Clock.wall()))
            }
            let log = try EventLog(folder)
            while let event = words.events.first {
                try log.append(event.level, event.code, event.message, at: event.time)
                words.events.removeFirst()
            }
        } catch {
            words.failure = "\(error)"
            throw error
        }
    }
}
