import Basics
import Datasets
import Devices
import Export
import Glibc
import Graph
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Profiling
import Spool
import Storage
import Training

extension JobRunner {
    /// Steps until the job ends, is told to stop, or fails; then the result.
    /// - Parameter peaks: the device's, if one step is to be profiled.
    func train(_ run: TrainingRun, _ job: PreparedJob, _ start: CheckpointState, _ peaks: DevicePeaks?) throws -> WorkerExit {
        // The row of a step whose evaluation is still open is written again, with the evaluation.
        let lastWholeStep = start.pendingEvaluation == nil ? start.step : start.step - 1
        let metrics = try MetricsLog(
            folder, keepingThrough: lastWholeStep,
            others: MetricsRow.otherColumns(of: job.objective, grades: job.manifest.evaluation.gradeColumns))
        try DurableFiles.makeFolder(folder.checkpoints)
        // Should the disk be full, the job goes on when there is room for a checkpoint.
        status.neededBytes = Checkpointing.byteCount(job.model, job.optimizer)
        let checkpoints = CheckpointWriter(self, run, job, metrics)
        let progress = ProgressWatch(self, run, from: start)
        let controls = ControlWatch(self, job, checkpoints, progress)
        let grading = AnswerGrading(self, job, run)
        defer { run.grade = nil }
        let selection = job.selection.map { SelectionWatch(self, run, $0, rows: metrics.rows) }
        controls.selection = selection
        checkpoints.staysAnyway = { selection?.keeps($0) == true }
        // Figures are written before anything is said of them, and what is published is what a
        // checkpoint will hold.
        let observers: [any StepObserver] =
            [
                MetricsWatch(self, run, metrics, isStrict: job.manifest.isStrict),
                try TensorBoardWatch(folder, keepingThrough: lastWholeStep), progress,
            ]
            + (selection.map { [$0] } ?? []) + (peaks.map { [ProfileWatch(self, run, job, $0)] } ?? []) + [controls]
        let loop = StepLoop(run, from: start, lastRow: metrics.rows.last, observers: observers)
        controls.loop = loop
        run.isCancelled = { controls.isCancelled() }
        defer { run.isCancelled = { false } }
        switch try loop.steps() {
        case .finished:
            try metrics.sync()
            try checkpoints.close(loop.state)
            guard let outcome = try complete(run, job, loop.state, loop.lastRow, selection?.selection, grading) else {
                return leave(loop.state)
            }
            return outcome
        case .stepBrokenOff:
            // Nothing of this step counts; the checkpoint is that of the step before.
            if loop.state.step > start.step, let row = loop.lastRow { try checkpoints.write(loop.state, row) }
            return leave(loop.state)
        case .evaluationBrokenOff:
            if !folder.pendingControls.contains("cancel"), let row = loop.lastRow { try checkpoints.write(loop.state, row) }
            return leave(loop.state)
        case .stopped: return leave(loop.state, usedUp: controls.limit)
        }
    }

    /// Ends the worker with a checkpoint behind it, by who asked for it.
    private func leave(_ state: CheckpointState, usedUp limit: StateReason? = nil) -> WorkerExit {
        let step = state.step
        // Time is used also where no step came of it.
        meter(trainedTokens: state.trainedTokens)
        let verbs = folder.pendingControls
        if verbs.contains("cancel") {
            return finish(.cancelled, .cancelled, reason: .requested, "Fine-tuning job cancelled at step \(step)")
        }
        if verbs.contains("pause") { return pause("Paused at step \(step)") }
        if let limit { return finish(.paused, .paused, reason: limit, "Paused at step \(step): \(limit.rawValue) is used up") }
        return finish(.stopped, .stopped, step == 0 ? "Stopped in the first step" : "Stopped at step \(step) with a checkpoint")
    }

    /// Writes the result, reads it back, and only then says that the job has succeeded.
    /// - Returns: nil if the last evaluation was broken off; nothing is written then.
    private func complete(
        _ run: TrainingRun, _ job: PreparedJob, _ state: CheckpointState, _ lastRow: MetricsRow?, _ selection: Selection?,
        _ grading: AnswerGrading?
    ) throws -> WorkerExit? {
        // With the validation layer on (TALA_VULKAN_VALIDATION=1) what it says is part of the job's
        // story.
        for message in Devices.validationMessages(job.device) { try event(.deviceMessage, message, .warn) }
        pulse.enter(.result, step: state.step)
        status.trainedTokens = state.trainedTokens
        let resultStep = try selection.flatMap { try loadBest($0, run, state) } ?? state.step
        guard let evaluation = try run.evaluation() else { return nil }
        guard let expected = try run.lossOfFirstExamples(ResultReplay.exampleCount) else { return nil }
        let record = try ReplayRecord(job: job, run: run, folder: folder)
        var writer = ResultWriter(
            folder: folder, job: job, run: run, status: status, lastRow: lastRow, evaluation: evaluation, selection: selection)
        if let grading {
            guard let graded = try grading.grade(step: resultStep) else { return nil }
            writer.answers = (grading.members(graded), grading.predictions(graded))
        }
        status.neededBytes = writer.byteCount
        try retryingOnce("the result") { try writer.write() }
        try replay(run, job, expected)
        try record.write()
        meter(trainedTokens: state.trainedTokens)
        let running = status
        do {
            try status.become(.succeeded)
            status.finishedAt = Self.wallTime()
            status.estimatedFinish = nil
            status.progress.remainingSeconds = nil
            status.neededBytes = nil
            status.fineTunedModel = ResultWriter.modelName(job.manifest, folder.id)
            status.resultFiles = ["metrics.csv", "result"]
            try event(.modelCreated, "New fine-tuned model created: \(status.fineTunedModel ?? folder.id)")
            try event(.succeeded, "The job has successfully completed")
            try syncEvents()
            try save()
        } catch {
            // A success that is not in the ledger has not happened: the job can still be paused.
            if (try? folder.ledger()) != .found(status.ledger) { status = running }
            throw error
        }
        folder.removeTokens()
        return .succeeded
    }

    /// Puts the best evaluation's checkpoint into the session where the result is made of it.
    /// - Returns: its step; nil where the session stays as it is.
    private func loadBest(_ selection: Selection, _ run: TrainingRun, _ state: CheckpointState) throws -> Int? {
        guard selection.loadsBest, let best = selection.rule.best, best.step != state.step else { return nil }
        let name = CheckpointRecord.folderName(step: best.step)
        _ = try Checkpointing.restore(run.session, from: folder.checkpoints + "/" + name, fingerprint: state.fingerprint, by: group)
        try run.shareParameters()
        try event(
            .bestLoaded,
            "The result is the model of step \(best.step): \(selection.metric) \(Self.rounded(best.value)), the best of all evaluations",
            data: ["step": JSONNode(best.step), "value": JSONNode(best.value)])
        return best.step
    }

    /// Runs some examples on the result as it was written.
    /// - Throws: ``WorkerError/resultDiffers(part:found:expected:)``; the result is then removed.
    private func replay(_ run: TrainingRun, _ job: PreparedJob, _ expected: Measures) throws {
        let asked = run.isCancelled
        defer { run.isCancelled = asked }
        // The result is there: who wants the worker to leave gets his way a moment later.
        run.isCancelled = { [pulse] in
            pulse.beat()
            return false
        }
        do {
            for outcome in try ResultReplay(job: job, run: run).check(folder.result, expected: expected) {
                try event(.resultReadBack, outcome.text)
            }
        } catch {
            if FailureDescription.cause(of: error)?.isTransient != true, FailureDescription.transientOutcome(error) == nil {
                FolderListing.delete(folder.result)
            }
            throw error
        }
    }

    static func rounded(_ number: Double) -> String { "\((number * 10_000).rounded() / 10_000)" }

    /// Writes something whole; after an input/output error once more, under a new name and with an
    /// event.
    func retryingOnce(_ what: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as StorageError where error.errorNumber == EIO {
            try event(.writtenAgain, "\(error); \(what) is written anew", .warn)
            try body()
        }
    }
}
