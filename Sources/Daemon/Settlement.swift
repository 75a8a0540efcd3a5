import Glibc
import JSON
import Jobs
import Spool
import Storage

/// What becomes of a job whose worker has ended: the job's own last word, then its exit code, then
/// the signal that ended it.
struct Settlement {
    private let store: JobStore
    private let scheduler: Scheduler
    private let policy: RetryPolicy

    init(_ store: JobStore, _ scheduler: Scheduler, _ policy: RetryPolicy) {
        (self.store, self.scheduler, self.policy) = (store, scheduler, policy)
    }

    func settle(_ ended: WorkerSupervisor.Ended) {
        scheduler.retries.retryUntilDone("end of the worker of \(ended.worker.job)") { tries in try settle(ended, tries: tries) }
    }

    private func settle(_ ended: WorkerSupervisor.Ended, tries: Int) throws {
        let (worker, folder) = (ended.worker, store.folder(ended.worker.job))
        guard var status = try store.repairedStatus(worker.job, tries: tries) else {
            store.journal.log(
                .error, "\(worker.job): none of its own files can be read; the job is left alone", nil, Journal.Subject(job: worker.job))
            return
        }
        store.note(status, measuring: true)
        // No other worker comes that would clear away what one that was killed in its last moment
        // has left.
        if case .signalled = ended.end, status.state.isFinal, let lock = try? FileLock(path: folder.lockFile) {
            withExtendedLifetime(lock) {
                folder.removeLitter()
                folder.removePulse()
            }
        }
        if worker.task == .salvage { return salvaged(worker.job) }
        // What was asked of a worker that ended before it could do it.
        if !status.state.isFinal {
            let verbs = folder.pendingControls
            if verbs.contains(Verb.cancel.rawValue) { return scheduler.cancel(&status) }
            if verbs.contains(Verb.pause.rawValue) { return scheduler.pause(&status) }
        }
        // The job's own last word counts: a worker may die after it has written how the job ended.
        switch status.state.isFinal ? .exited(.succeeded) : ended.end {
        case .exited(let exit): exited(exit, &status, worker)
        case .unknownExit(let code): crashed(&status, worker, "the worker ended with exit code \(code)")
        case .signalled(let signal): signalled(signal, &status, ended)
        }
    }

    private func exited(_ exit: WorkerExit, _ status: inout JobStatus, _ worker: WorkerProcess) {
        switch exit {
        case .succeeded where worker.task == .validate && status.state == .queued: validated(&status)
        case .succeeded, .failed, .cancelled, .paused:
            guard status.state.isFinal || status.state == .paused else {
                return crashed(&status, worker, "the worker ended without a result")
            }
            if status.state == .failed { store.countFailure() }
            if status.state == .paused { scheduler.noteWaiting(status) }
            store.logEnd(of: status)
            if status.state.isFinal { scheduler.notifyDependents(of: status) }
        case .diskFull:
            // No room even to write the status down, perhaps: the exit code says it as well.
            guard store.change(&status, to: .paused) else { return }
            status.reason = .diskFull
            scheduler.noteWaiting(status)
            store.write(status)
        case .deviceLost: crashed(&status, worker, status.error?.message ?? "the device was lost")
        case .ranOut: crashed(&status, worker, status.error?.message ?? "memory or descriptors ran out", mayBeFromOutside: true)
        case .stopped:
            guard store.change(&status, to: store.folder(status.id).stateOfWaiting) else { return }
            store.record(status, .info, .waiting, "Waiting to go on")
            scheduler.enqueue(status, retryAt: Clock.monotonic() + 0.2)
        }
    }

    private func signalled(_ signal: Int32, _ status: inout JobStatus, _ ended: WorkerSupervisor.Ended) {
        let worker = ended.worker
        let isOutside = [SIGKILL, SIGTERM, SIGINT, SIGHUP].contains(signal)
        if worker.hungSince != nil {
            crashed(&status, worker, "the worker gave no sign of life and was ended")
        } else if signal == SIGKILL, let before = worker.memoryKills, let now = MemoryKills.count(), now > before {
            let circumstances = MemoryKills.circumstances(peakBytes: ended.peakBytes)
            crashed(&status, worker, "memory ran out and the kernel ended the worker" + circumstances)
        } else if scheduler.isClosed, isOutside {
            guard store.change(&status, to: store.folder(status.id).stateOfWaiting) else { return }
            store.record(status, .warn, .waiting, "The worker was ended while the daemon was leaving")
        } else {
            let what = "the worker was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
            crashed(&status, worker, what, mayBeFromOutside: isOutside)
        }
    }

    private func validated(_ status: inout JobStatus) {
        let tokens = (try? store.folder(status.id).validation())?["trained_tokens"]?.integer
        if let tokens, let owner = status.owner, let excess = scheduler.excess(tokens: tokens, of: owner) {
            return scheduler.fail(&status, .init(code: .quotaExceeded, message: excess))
        }
        store.journal.log(.information, "\(status.id): files validated", nil, Journal.Subject(job: status.id, user: status.owner))
        scheduler.enqueue(status)
    }

    /// A worker that died is started again from the newest checkpoint: with growing delays, and not
    /// for ever at one place.
    private func crashed(_ status: inout JobStatus, _ worker: WorkerProcess, _ what: String, mayBeFromOutside: Bool = false) {
        let folder = store.folder(status.id)
        let step = folder.pulse.flatMap { $0.phase.isStep ? $0.step : nil }
        let checkpoint = folder.checkpointNames.last.flatMap { CheckpointRecord.step(ofFolder: $0) } ?? 0
        var crashes = status.crashes ?? CrashRecord()
        let decision = policy.decide(.init(step: step, checkpoint: checkpoint, mayBeFromOutside: mayBeFromOutside), &crashes)
        status.crashes = crashes
        let place = step.map { " in step \($0)" } ?? (folder.isValidated ? " before the first step" : " while it validated the files")
        let subject = Journal.Subject(job: status.id, step: step, user: status.owner, device: worker.device)
        store.journal.log(.warning, "\(status.id): \(what)\(place)", .workerDied, subject)
        let from = checkpoint > 0 ? " from \(CheckpointRecord.folderName(step: checkpoint))" : " from the beginning"
        switch decision {
        case .retry(let delay):
            guard store.change(&status, to: folder.stateOfWaiting) else { return }
            status.error = nil
            store.record(status, .warn, .retrying, "\(what)\(place) on \(worker.device); trying again in \(Int(delay)) s\(from)")
            scheduler.enqueue(status, retryAt: Clock.monotonic() + delay)
        case .giveUp: giveUp(&status, "\(what)\(place) on \(worker.device), \(crashes.count) times without progress")
        case .poisoned(let step): giveUp(&status, "\(what) in step \(step) on \(worker.device), twice in the same step")
        }
    }

    /// Ends a job that gets no further try; its last checkpoint is exported first, if it has one.
    private func giveUp(_ status: inout JobStatus, _ what: String) {
        let folder = store.folder(status.id)
        let last = folder.checkpointNames.last
        let place = last.map { "; the last complete checkpoint is checkpoints/\($0)" } ?? ""
        let failure = JobStatus.Failure(code: status.error?.code ?? .workerCrashed, message: what + place)
        guard folder.isValidated, last != nil || status.crashes?.step != nil else { return scheduler.fail(&status, failure) }
        guard store.change(&status, to: .queued) else { return }
        status.reason = .givingUp
        status.error = failure
        store.record(status, .warn, .givenUp, "No further try: \(what)")
        scheduler.salvageLater(status)
    }

    /// The salvage is over, whatever came of it: the job has failed.
    func salvaged(_ id: String) {
        scheduler.retries.retryUntilDone("end of the salvage of \(id)") { tries in try salvaged(id, tries: tries) }
    }

    private func salvaged(_ id: String, tries: Int) throws {
        guard var status = try store.repairedStatus(id, tries: tries) else { return }
        if status.state == .cancelled {
            guard status.reason == .exportingCheckpoint else { return store.note(status) }
            status.reason = .requested
            return store.record(status, .warn, .exportFailed, "The last checkpoint could not be exported; it is still in checkpoints/")
        }
        if status.state == .failed {
            store.countFailure()
            store.note(status)
            scheduler.notifyDependents(of: status)
            store.logEnd(of: status)
        } else {
            scheduler.fail(&status, status.error ?? .init(code: .workerCrashed, message: "the worker died again and again"))
        }
    }
}
