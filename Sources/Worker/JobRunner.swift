import Datasets
import Export
import Glibc
import Graph
import JSON
import Jobs
import Models
public import Spool
import Storage
import Training

/// Runs one job of a spool from validation to result, writing everything that its folder holds.
public final class JobRunner {
    /// How a worker ends; the raw values are its exit codes.
    public enum Outcome: Int32, Sendable {
        case succeeded = 0
        case failed = 1
        case cancelled = 3
        case paused = 4
        /// Paused because the disk is full, even if there was no room to write that down. The value is ENOSPC.
        case diskFull = 28
        /// Memory or descriptors ran out: the same may work later (EX_OSERR).
        case ranOut = 71
        /// Stopped with a checkpoint; the next worker goes on.
        case stopped = 75
    }
    let folder: JobFolder
    private let deviceSelector: String?
    var status: JobStatus
    private let events: EventLog
    var tuning: TuningRecord
    /// Set by a signal handler: checkpoint and leave.
    let mustStop: () -> Bool
    private var ballast: Ballast?
    private var lastLook = 0.0

    /// - Throws: ``StorageError`` and ``ManifestError`` if the job's folder is damaged; ``recordDamage(_:of:)`` then writes that down.
    public init(folder: JobFolder, deviceSelector: String?, mustStop: @escaping () -> Bool) throws {
        self.folder = folder
        self.deviceSelector = deviceSelector
        self.mustStop = mustStop
        let manifest = try folder.manifest()
        let acceptance = try folder.acceptance()
        status = folder.status() ?? JobStatus(id: folder.id, state: .queued, createdAt: acceptance.createdAt, manifest: manifest)
        events = try EventLog(folder)
        tuning = TuningRecord(folder: folder.path)
    }

    /// Ends a job whose folder cannot be understood, as far as its status can.
    public static func recordDamage(_ error: any Error, of folder: JobFolder) -> Outcome {
        if let error = error as? StorageError, error.isTransient { return .ranOut }
        if let error = error as? StorageError, error.isOutOfSpace { return .diskFull }
        guard var status = folder.status() else { return .failed }
        let error = WorkerError.damagedJob("\(error)")
        status.state = .failed
        status.finishedAt = wallTime()
        status.error = FailureDescription.status(error)
        try? folder.write(status)
        try? EventLog(folder).append(.error, "Fine-tuning job failed: \(error)", at: wallTime())
        return .failed
    }

    static func wallTime() -> Int { time(nil) }

    func save() throws {
        do throws(StorageError) { try folder.write(status) } catch {
            guard error.errorNumber == EIO else { throw error }
            // The file whose sync failed is dead; a new one may lie on better ground.
            try folder.write(status)
        }
    }

    func syncEvents() throws { try events.sync() }

    func event(_ message: String, _ level: JobEvent.Level = .info, data: JSONNode? = nil) throws {
        try events.append(level, message, data: data, at: Self.wallTime())
    }

    /// Does the whole job. Errors end in the status, not in a throw.
    public func run() -> Outcome {
        folder.removeLitter()
        ballast = Ballast(folder.ballastFile)
        defer { ballast?.release() }
        do {
            return try runThrowing()
        } catch {
            if let error = error as? StorageError, error.isTransient {
                try? event("\(error): trying again later", .warn)
                return .ranOut
            }
            let failure = FailureDescription.status(error)
            if failure.code == "disk_full" { return finish(.diskFull, reason: "disk_full", "Paused: \(failure.message)") }
            status.error = failure
            return finish(.failed, reason: nil, "Fine-tuning job failed: \(failure.message)")
        }
    }

    func finish(_ outcome: Outcome, reason: String?, _ message: String) -> Outcome {
        // What was held back is for these last words.
        ballast?.release()
        switch outcome {
        case .failed:
            status.state = .failed
            status.finishedAt = Self.wallTime()
        case .cancelled:
            status.state = .cancelled
            status.finishedAt = Self.wallTime()
        case .paused, .diskFull: status.state = .paused
        case .succeeded, .stopped, .ranOut: break
        }
        status.reason = reason
        status.progress.remainingSeconds = nil
        status.estimatedFinish = nil
        if status.state.isFinal { exportPart(status.state == .cancelled ? "was cancelled" : "failed: \(status.error?.message ?? "")") }
        try? event(message, outcome == .failed ? .error : outcome == .diskFull ? .warn : .info)
        try? events.sync()
        do {
            try save()
            // Acted on, and written down.
            if outcome == .cancelled { folder.removeControl("cancel") }
            if outcome == .paused { folder.removeControl("pause") }
        } catch {}
        return outcome
    }

    /// Leaves the newest checkpoint of a job that will not finish in a form that can be used.
    private func exportPart(_ reason: String) {
        do {
            guard let checkpoint = try PartialResult.export(folder, reason: reason) else { return }
            status.resultFiles = ["metrics.csv", "result"]
            try event("Checkpoint \(checkpoint) is in result/\(PartialResult.folderName): usable, but not a finished model")
        } catch {
            try? event("No part of the result could be written: \(error)", .warn)
        }
    }

    /// Whether somebody wants the worker to leave. Looked at several times a second at most, since it looks into a folder.
    func isAskedToLeave() -> Bool {
        if mustStop() { return true }
        let now = TrainingClock.now()
        guard now - lastLook > 0.2 else { return false }
        lastLook = now
        let verbs = folder.pendingControls
        return verbs.contains("cancel") || verbs.contains("pause")
    }

    /// Thrown out of the reading of data.
    private struct LeaveRequest: Error {}

    /// What to do before training has begun when somebody wants the worker to leave.
    private func leaveEarly() -> Outcome? {
        let verbs = folder.pendingControls
        if verbs.contains("cancel") { return finish(.cancelled, reason: "requested", "Fine-tuning job cancelled") }
        if verbs.contains("pause") { return finish(.paused, reason: "requested", "Paused") }
        return mustStop() ? finish(.stopped, reason: nil, "Stopped before training") : nil
    }

    private func runThrowing() throws -> Outcome {
        if let outcome = leaveEarly() { return outcome }
        let manifest = try folder.manifest()
        let acceptance = try folder.acceptance()
        guard let modelFolder = acceptance.modelPath else { throw WorkerError.noWeights(manifest.model) }
        let resumes = !folder.checkpointNames.isEmpty
        if !resumes {
            status.state = .validatingFiles
            try save()
            try event("Validating training file: \(manifest.trainingFile)")
        }
        let inputs = try InputSnapshot(folder, acceptance)
        let job: PreparedJob
        do {
            job = try PreparedJob(
                manifest: manifest, modelFolder: modelFolder, trainingPath: inputs.trainingPath, validationPath: inputs.validationPath,
                initialAdapterPath: acceptance.initialAdapterPath, deviceSelector: manifest.device == "auto" ? deviceSelector : nil,
                cache: DatasetCache(folder: folder.tokens),
                readingProgress: { _ in if self.isAskedToLeave() { throw LeaveRequest() } },
                keeping: folder.checkpointNames.isEmpty ? nil : JobPlan.Choice(planJSON: status.plan))
        } catch is LeaveRequest {
            return leaveEarly() ?? finish(.stopped, reason: nil, "Stopped before training")
        } catch let error as WorkerError {
            if case .invalidData(let reports) = error {
                for problem in reports.flatMap(\.problems.first).prefix(100) { try event(problem.description, .error) }
                for report in reports where !report.isValid { try event("\(report.file) is not valid", .error, data: report.summaryJSON) }
            }
            throw error
        }
        let fingerprint = try InputFingerprint(job, trainingPath: inputs.trainingPath, validationPath: inputs.validationPath)
        status.device = job.device.name
        status.plan = job.plan.json
        status.progress.totalSteps = job.settings.totalSteps
        if !resumes {
            try DurableFiles.replace(folder.manifestFile, with: JSONWriter(isIndented: true).string(job.manifest.json) + "\n")
            for report in job.reports {
                try event(
                    "Files validated: \(report.file): \(report.exampleCount) examples, \(report.trainedTokenCount) trained tokens",
                    data: report.summaryJSON)
                for warning in report.warnings.first.prefix(20) { try event(warning.description, .warn) }
            }
        }
        if let damage = tuning.adopt(on: job.device) { try event(damage, .warn) }
        if let outcome = leaveEarly() { return outcome }
        let session = try job.makeSession()
        let state = try resume(session, fingerprint)
        let run = TrainingRun(
            session: session, training: job.training, validation: job.validation, settings: job.settings, stepsDone: state.step)
        status.state = .running
        status.error = nil
        status.reason = nil
        status.neededBytes = nil
        try save()
        if state.step == 0 { try event("Fine-tuning job started on \(job.device.name), \(job.precision)") }
        return try train(run, job, state)
    }

    /// The state of the newest checkpoint that verifies, put into the session; damaged ones are set aside with an event.
    private func resume(_ session: TrainingSession, _ fingerprint: InputFingerprint) throws -> CheckpointState {
        for name in folder.checkpointNames.reversed() {
            do {
                let state = try Checkpointing.restore(session, from: folder.checkpoints + "/" + name, fingerprint: fingerprint)
                status.checkpoint = name
                try event("Resumed from checkpoint \(name)")
                return state
            } catch let error as TrainingError {
                guard case .unusableCheckpoint = error else { throw error }
                try event("\(error); it is set aside as .damaged-\(name), the one before is used", .warn)
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

/// Seconds of a clock that nobody sets.
enum TrainingClock {
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
