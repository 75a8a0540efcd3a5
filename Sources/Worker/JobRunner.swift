import Basics
import CLinux
import Datasets
import Devices
import Export
import Glibc
import Graph
import JSON
package import Jobs
import Manifest
import Models
import Preparation
package import Spool
import Storage
import Training

/// Runs one job of a spool from validation to result, writing everything that its folder holds.
package final class JobRunner {
    let folder: JobFolder
    let deviceSelector: String?
    var status: JobStatus
    private let events: EventLog
    private let journal = Journal(program: "tala-worker")
    var tuning: TuningRecord
    let pulse: PulseFile
    /// Called when the first step has been done: from now on there is something to keep.
    package var willTrain: () -> Void = {}
    /// Manifest and acceptance, as they were when this worker began.
    let papers: JobPapers
    var prices: Prices? { papers.acceptance.prices }
    /// When the time that is not yet in the usage began.
    private var meterStart = MonotonicClock.seconds()
    /// Set by a signal handler: checkpoint and leave.
    let mustStop: () -> Bool
    private var ballast: Ballast?
    private var lastLook = 0.0
    /// When the ledger last got an entry.
    private var lastEntry = -Double.infinity
    /// When the status last said how far the reading of data had come. What takes less than a
    /// second is not worth saying.
    var lastReadingNote = MonotonicClock.seconds()

    /// - Parameter papers: of the job, if they have been read already.
    /// - Throws: ``StorageError`` and ``ManifestError`` if the job's folder is damaged;
    ///   ``recordDamage(_:of:)`` then writes that down.
    package init(folder: JobFolder, papers: JobPapers? = nil, deviceSelector: String?, mustStop: @escaping () -> Bool) throws {
        self.folder = folder
        self.deviceSelector = deviceSelector
        self.mustStop = mustStop
        let papers = try papers ?? folder.papers()
        self.papers = papers
        status =
            try Self.knownStatus(folder)
            ?? JobStatus(id: folder.id, state: .queued, createdAt: papers.acceptance.createdAt, manifest: papers.manifest)
        events = try EventLog(folder)
        tuning = TuningRecord(folder: folder.path)
        pulse = PulseFile(folder)
    }

    /// What ledger and status say of the job. Where the disk does not give the ledger, the status
    /// alone; nil if nothing is known.
    /// - Throws: ``StorageError`` for what may be read later.
    private static func knownStatus(_ folder: JobFolder) throws(StorageError) -> JobStatus? {
        do throws(StorageError) { return try folder.readStatus() } catch {
            if error.isTransient { throw error }
            return (try? folder.shownStatus()) ?? nil
        }
    }

    /// Ends a job whose folder cannot be understood, as far as its status can.
    package static func recordDamage(_ error: any Error, of folder: JobFolder) -> WorkerExit {
        if let error = error as? StorageError, error.isTransient { return .ranOut }
        if let error = error as? StorageError, error.isOutOfSpace {
            // The daemon knows it from the exit code as well, should this not be written either.
            if var status = (try? knownStatus(folder)) ?? nil, (try? status.become(.paused)) != nil {
                status.reason = .diskFull
                try? folder.write(status)
            }
            return .diskFull
        }
        guard var status = (try? knownStatus(folder)) ?? nil, (try? status.become(.failed)) != nil else { return .failed }
        let error = WorkerError.damagedJob("\(error)")
        status.finishedAt = wallTime()
        status.error = FailureDescription.status(error)
        try? folder.write(status)
        try? EventLog(folder).append(.error, .failed, "Fine-tuning job failed: \(error)", at: wallTime())
        return .failed
    }

    static func wallTime() -> Int { time(nil) }

    /// Enters into the ledger how things are, and shows it. For what must survive: states,
    /// checkpoints, the plan.
    func save() throws {
        // The file whose sync failed is dead; a new one may lie on better ground.
        do { try folder.write(status) } catch let error as StorageError where error.errorNumber == EIO { try folder.write(status) }
        lastEntry = MonotonicClock.seconds()
    }

    /// Shows how far the job has come. What it has used meanwhile is entered into the ledger once a
    /// minute.
    func publish() throws {
        if MonotonicClock.seconds() - lastEntry > 60 { return try save() }
        do throws(StorageError) { try folder.show(status) } catch {
            guard error.errorNumber == EIO else { throw error }
            try folder.show(status)
        }
    }

    func syncEvents() throws { try events.sync() }

    func event(_ code: EventCode, _ message: String, _ level: JobEvent.Level = .info, data: JSONNode? = nil) throws {
        try events.append(level, code, message, data: data, at: Self.wallTime())
        guard journal.isSystemLog, code.concernsTheMachine else { return }
        journal.log(
            .warning, "\(folder.id): \(message)", nil,
            Journal.Subject(job: folder.id, step: status.progress.step, user: status.owner, device: status.device))
    }

    /// Does the whole job. Errors end in the status, not in a throw.
    package func run() -> WorkerExit { guarded { try runThrowing() } }

    /// Reads everything that could be wrong and writes down what was found; the job is then ready
    /// to wait for a device.
    package func validate() -> WorkerExit {
        guarded {
            if let outcome = leaveEarly() { return outcome }
            do { if let method = evaluationMethod { _ = try prepareEvaluation(method) } else { _ = try prepare() } } catch is LeaveRequest {
                return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
            }
            try status.become(.queued)
            try save()
            return .succeeded
        }
    }

    /// Ends a job that gets no further try, or has been cancelled while no worker had it: says
    /// which examples the step had that ended its workers; its last checkpoint is exported.
    /// - Parameter step: the fatal step, counted from 1, if it is known.
    package func salvage(fatalStep step: Int?) -> WorkerExit {
        guarded {
            if status.state == .cancelled {
                exportPart("was cancelled")
                status.reason = .requested
                try? events.sync()
                try? save()
                return .cancelled
            }
            var failure = status.error ?? JobStatus.Failure(code: .workerCrashed, message: "the worker died again and again")
            if let step, let job = try? prepare().job {
                let lines = TrainingRun.examples(ofStep: step - 1, count: job.training.count, settings: job.settings).map {
                    job.training.line(of: $0)
                }
                let more = lines.count > 64 ? " and \(lines.count - 64) more" : ""
                failure.message +=
                    "; step \(step) trains on the examples of the lines " + lines.prefix(64).map(String.init).joined(separator: ", ") + more
            }
            status.error = failure
            return finish(.failed, .failed, "Fine-tuning job failed: \(failure.message)")
        }
    }

    /// Adds the time since the last call to what the job has used.
    func meter(trainedTokens: Int) {
        let now = MonotonicClock.seconds()
        status.usage.add(
            deviceSeconds: now - meterStart, trainedTokensInAll: trainedTokens, month: Usage.month(ofSeconds: Self.wallTime()))
        meterStart = now
        guard let prices else { return }
        let total = status.usage.total
        status.cost = prices.cost(deviceSeconds: total.deviceSeconds, trainedTokens: total.trainedTokens)
        status.currency = prices.currency
    }

    /// Which limit of the manifest is used up, if one is. Both count over all workers of the job
    /// since it was last resumed.
    func usedUp(_ manifest: Manifest) -> StateReason? {
        let total = status.usage.total
        let granted = status.grantedUsage
        if let limit = manifest.timeLimit, total.deviceSeconds - granted.deviceSeconds >= Double(limit) { return .timeLimit }
        if let limit = manifest.costLimit, let prices {
            let before = prices.cost(deviceSeconds: granted.deviceSeconds, trainedTokens: granted.trainedTokens)
            if (status.cost ?? 0) - before >= limit { return .costLimit }
        }
        return nil
    }

    private func guarded(_ body: () throws -> WorkerExit) -> WorkerExit {
        folder.removeLitter()
        ballast = Ballast(folder.ballastFile)
        var diesInStep = false
        defer {
            ballast?.release()
            // The last sign of life tells the daemon in which step the device was lost.
            if !diesInStep { pulse.end() }
        }
        do {
            return try body()
        } catch {
            if let outcome = FailureDescription.transientOutcome(error) {
                diesInStep = outcome == .deviceLost
                status.error = FailureDescription.status(error)
                try? save()
                return outcome
            }
            if FailureDescription.cause(of: error)?.isTransient == true {
                try? event(.ranOut, "\(error): trying again later", .warn)
                return .ranOut
            }
            let failure = FailureDescription.status(error)
            if failure.code == .diskFull { return finish(.diskFull, .paused, reason: .diskFull, "Paused: \(failure.message)") }
            status.error = failure
            // The one file of a job that trains nothing.
            if evaluationMethod != nil, failure.param == "training_file" { status.error?.param = "validation_file" }
            return finish(.failed, .failed, "Fine-tuning job failed: \(failure.message)")
        }
    }

    func finish(_ outcome: WorkerExit, _ code: EventCode, reason: StateReason? = nil, _ message: String) -> WorkerExit {
        // What was held back is for these last words.
        ballast?.release()
        let next: JobState? =
            switch outcome {
            case .failed: .failed
            case .cancelled: .cancelled
            case .paused, .diskFull: .paused
            case .succeeded, .stopped, .deviceLost, .ranOut: nil
            }
        if let next {
            // Whatever went wrong afterwards, a job that has ended stays ended.
            guard (try? status.become(next)) != nil else { return outcome }
            if next.isFinal { status.finishedAt = Self.wallTime() }
        }
        status.reason = reason
        status.reading = nil
        status.progress.remainingSeconds = nil
        status.estimatedFinish = nil
        if status.state.isFinal { exportPart(status.state == .cancelled ? "was cancelled" : "failed: \(status.error?.message ?? "")") }
        try? event(code, message, outcome == .failed ? .error : outcome == .diskFull ? .warn : .info)
        try? events.sync()
        do {
            try save()
            if status.state.isFinal { folder.removeTokens() }
            // Acted on, and written down.
            if outcome == .cancelled { folder.removeControl("cancel") }
            if outcome == .paused { folder.removeControl("pause") }
        } catch {}
        return outcome
    }

    /// Pauses the job and records the reason.
    func pause(_ message: String) -> WorkerExit {
        let cause = folder.pauseCause
        return finish(.paused, .paused, reason: cause?.reason ?? .requested, message + (cause.map { ": " + $0.message } ?? ""))
    }

    /// Leaves the newest checkpoint of a job that will not finish in a form that can be used.
    private func exportPart(_ reason: String) {
        do {
            guard let checkpoint = try PartialResult.export(folder, reason: reason) else { return }
            status.resultFiles = ["metrics.csv", "result"]
            try event(.partialResult, "Checkpoint \(checkpoint) is in result/\(PartialResult.folderName): usable, but not a finished model")
        } catch {
            try? event(.exportFailed, "No part of the result could be written: \(error)", .warn)
        }
    }

    /// Whether the worker is asked to leave. Asked as often as one likes; it looks into a folder
    /// several times a second at most.
    /// - Parameter checkpoint: called where a checkpoint is requested instead.
    func isAskedToLeave(checkpoint: () -> Void = {}) -> Bool {
        pulse.beat()
        if mustStop() { return true }
        let now = MonotonicClock.seconds()
        guard now - lastLook > 0.2 else { return false }
        lastLook = now
        let verbs = folder.pendingControls
        if verbs.contains("cancel") || verbs.contains("pause") { return true }
        if verbs.contains("checkpoint") { checkpoint() }
        return false
    }

    /// How a job has ended already: its last worker died after it had written that down, and
    /// nothing is left to do but to clear away.
    private func ended() -> WorkerExit? {
        let exit: WorkerExit
        switch status.state {
        case .succeeded: exit = .succeeded
        case .failed: exit = .failed
        case .cancelled: exit = .cancelled
        case .validatingFiles, .queued, .running, .paused: return nil
        }
        try? save()
        folder.removeTokens()
        folder.removeControl("cancel")
        return exit
    }

    private func runThrowing() throws -> WorkerExit {
        if let exit = ended() { return exit }
        // Whoever starts a worker for a paused job lets it go on.
        if status.state == .paused { try status.become(.queued) }
        if let outcome = leaveEarly() { return outcome }
        if folder.isValidated {
            try status.become(.running)
            try save()
        }
        if let method = evaluationMethod { return try evaluate(method) }
        let prepared: (job: PreparedJob, fingerprint: InputFingerprint)
        do { prepared = try prepare() } catch is LeaveRequest {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
        }
        var (job, fingerprint) = prepared
        meterStart = MonotonicClock.seconds()
        status.device = job.device.name
        status.plan = PlanFigures(job.plan)
        status.progress.totalSteps = job.settings.totalSteps
        if let damage = tuning.adopt(on: job.device) { try event(.tuningAgain, damage, .warn) }
        Devices.limitTuning(of: job.device, jobOperations: job.floatingPointOperations)
        if let outcome = leaveEarly() { return outcome }
        // Before the job's own memory is there, so that both are never held at once.
        let peaks = job.manifest.isProfiled ? try StepProfile.peaks(of: job) : nil
        let session = try job.makeSession()
        guard try addReferences(to: &job, session, fingerprint) else {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
        }
        let state = try resume(session, fingerprint)
        let run = TrainingRun(
            session: session, training: job.training, validation: job.validation, settings: job.settings, stepsDone: state.step)
        try status.become(.running)
        status.error = nil
        status.reason = nil
        status.neededBytes = nil
        try save()
        Devices.setHeartbeat(of: job.device) { [pulse] in pulse.beat() }
        if state.step == 0 { try event(.started, "Fine-tuning job started on \(job.device.name), \(job.precision)") }
        return try train(run, job, state, peaks)
    }

    /// The state of the newest checkpoint that verifies, put into the session; damaged ones are set
    /// aside with an event.
    private func resume(_ session: TrainingSession, _ fingerprint: InputFingerprint) throws -> CheckpointState {
        for name in folder.checkpointNames.reversed() {
            do {
                let state = try Checkpointing.restore(session, from: folder.checkpoints + "/" + name, fingerprint: fingerprint)
                status.checkpoint = name
                try event(.resumedFromCheckpoint, "Resumed from checkpoint \(name)")
                return state
            } catch let error as TrainingError {
                guard case .unusableCheckpoint = error else { throw error }
                try event(.checkpointSetAside, "\(error); it is set aside as .damaged-\(name), the one before is used", .warn)
                let aside = folder.checkpoints + "/.damaged-" + name
                FolderListing.delete(aside)
                try DurableFiles.rename(folder.checkpoints + "/" + name, to: aside)
                try DurableFiles.syncFolder(folder.checkpoints)
            }
        }
        status.checkpoint = nil
        return CheckpointState(step: 0, trainedTokens: 0, fingerprint: fingerprint)
    }
}
