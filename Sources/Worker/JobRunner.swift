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
package import Ranks
package import Spool
import Storage
import Training

/// Runs one job of a spool from validation to result, writing everything that its folder holds.
package final class JobRunner {
    let folder: JobFolder
    let deviceSelector: String?
    /// The processes that train the job together, of which this is rank 0.
    let group: any RankGroup
    var status: JobStatus
    let events: EventLog
    let journal = Journal(program: "tala-worker")
    var tuning: TuningRecord
    let pulse: PulseFile
    /// Called when the first step has been done: from now on there is something to keep.
    package var willTrain: () -> Void = {}
    /// Manifest and acceptance, as they were when this worker began.
    let papers: JobPapers
    var prices: Prices? { papers.acceptance.prices }
    /// When the time that is not yet in the usage began.
    var meterStart = MonotonicClock.seconds()
    /// Set by a signal handler: checkpoint and leave.
    let mustStop: () -> Bool
    var ballast: Ballast?
    private var lastLook = 0.0
    /// When the ledger last got an entry.
    var lastEntry = -Double.infinity
    /// When the status last said how far the reading of data had come. What takes less than a
    /// second is not worth saying.
    var lastReadingNote = MonotonicClock.seconds()

    /// - Parameter papers: of the job, if they have been read already.
    /// - Throws: ``StorageError`` and ``ManifestError`` if the job's folder is damaged;
    ///   ``recordDamage(_:of:)`` then writes that down.
    package init(
        folder: JobFolder, papers: JobPapers? = nil, deviceSelector: String?, group: any RankGroup = SingleRank(),
        mustStop: @escaping () -> Bool
    ) throws {
        self.folder = folder
        self.group = group
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
    static func knownStatus(_ folder: JobFolder) throws(StorageError) -> JobStatus? {
        do throws(StorageError) { return try folder.readStatus() } catch {
            if error.isTransient { throw error }
            return (try? folder.shownStatus()) ?? nil
        }
    }

    static func wallTime() -> Int { time(nil) }

    /// Does the whole job. Errors end in the status, not in a throw.
    package func run() -> WorkerExit { guarded { try runThrowing() } }

    /// Reads everything that could be wrong and writes down what was found; the job is then ready
    /// to wait for a device.
    package func validate() -> WorkerExit {
        guarded {
            if let outcome = leaveEarly() { return outcome }
            if papers.manifest.validatesOnly { return try runDry() }
            do { if let method = evaluationMethod { _ = try prepareEvaluation(method) } else { _ = try prepare() } } catch is Interruption {
                return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
            }
            try status.become(.queued)
            try save()
            return .succeeded
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

    private func runThrowing() throws -> WorkerExit {
        if let exit = ended() { return exit }
        // Whoever starts a worker for a paused job lets it go on.
        if status.state == .paused { try status.become(.queued) }
        if let outcome = leaveEarly() { return outcome }
        if papers.manifest.validatesOnly { return try runDry() }
        if folder.isValidated {
            try status.become(.running)
            try save()
        }
        if let method = evaluationMethod { return try evaluate(method) }
        let prepared: (job: PreparedJob, fingerprint: InputFingerprint)
        do { prepared = try prepare() } catch is Interruption {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
        }
        var (job, fingerprint) = prepared
        try job.requireRoom(in: group.count)
        meterStart = MonotonicClock.seconds()
        status.device = job.device.name
        status.plan = PlanFigures(job.plan)
        status.progress.totalSteps = job.settings.totalSteps
        if job.settings.lanes.count > 1 {
            // Other processes, that carry the lanes today or will tomorrow, would measure
            // otherwise.
            Devices.forgetTuning(of: job.device)
        } else {
            if let damage = tuning.adopt(on: job.device) { try event(.tuningAgain, damage, .warn) }
            Devices.limitTuning(of: job.device, jobOperations: job.floatingPointOperations)
        }
        if let outcome = leaveEarly() { return outcome }
        // Before the job's own memory is there, so that both are never held at once.
        let peaks = job.manifest.isProfiled ? try StepProfile.peaks(of: job) : nil
        try share(job)
        let session = try job.makeSession()
        try awaitRanks(job)
        guard try addReferences(to: &job, session, fingerprint) else {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before training")
        }
        let state = try resume(session, fingerprint)
        let run = TrainingRun(
            session: session, training: job.training, validation: job.validation, settings: job.settings, stepsDone: state.step,
            group: group)
        try run.shareParameters()
        try status.become(.running)
        status.error = nil
        status.reason = nil
        status.neededBytes = nil
        try save()
        Devices.setHeartbeat(of: job.device) { [pulse] in pulse.beat() }
        if state.step == 0 { try event(.started, "Fine-tuning job started on \(job.device.name), \(job.precision)" + carriers(job)) }
        return try train(run, job, state, peaks)
    }

    /// The state of the newest checkpoint that verifies, put into the session; damaged ones are set
    /// aside with an event.
    private func resume(_ session: TrainingSession, _ fingerprint: InputFingerprint) throws -> CheckpointState {
        for name in folder.checkpointNames.reversed() {
            do {
                let state = try Checkpointing.restore(session, from: folder.checkpoints + "/" + name, fingerprint: fingerprint, by: group)
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
