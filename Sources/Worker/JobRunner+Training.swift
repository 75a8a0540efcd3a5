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
    /// - Parameter peaks: the device's, if one step is to be profiled: this worker's second, since the first touches memory for the first time.
    func train(_ run: TrainingRun, _ job: PreparedJob, _ start: CheckpointState, _ peaks: DevicePeaks?) throws -> WorkerExit {
        // The row of a step whose evaluation is still open is written again, with the evaluation.
        let metrics = try MetricsLog(folder, keepingThrough: start.openRow == nil ? start.step : start.step - 1)
        try DurableFiles.makeFolder(folder.checkpoints)
        // Should the disk be full, the job goes on when there is room for a checkpoint.
        status.neededBytes = Checkpointing.byteCount(job.model, job.optimizer)
        var watch = OutlierWatch(metrics.rows)
        var rising = RisingLoss(totalSteps: run.settings.totalSteps, rows: metrics.rows)
        var state = start
        var lastSave = MonotonicClock.seconds()
        var speed = 0.0
        var lastRow = metrics.rows.last
        // Parameters and moments are those of `state` until an update begins, which asks nothing: so long a checkpoint of the last whole step can be written.
        var trouble: (any Error)?
        run.mustBreakOff = { [unowned self] in
            isAskedToLeave {
                do { try answerCheckpoint(run, job, state, lastRow, metrics) } catch { trouble = error }
            } || trouble != nil || !keepsCounting()
        }
        /// Time and cost go on in a long step too, and so does the status.
        func keepsCounting() -> Bool {
            guard MonotonicClock.seconds() - lastSave > 1 else { return true }
            lastSave = MonotonicClock.seconds()
            meter(trainedTokens: state.trainedTokens)
            do { try publish() } catch { trouble = error }
            return trouble == nil
        }
        defer { run.mustBreakOff = { false } }
        let began = MonotonicClock.seconds()
        let profiled = peaks == nil ? nil : min(start.step + 2, run.settings.totalSteps)
        // An evaluation that was broken off comes first.
        var next = start.openRow.map { reevaluated($0, run) }
        while !run.isFinished || next != nil {
            let step: StepResult?
            pulse.enter(state.step == start.step ? .firstStep : .step, step: next?.step ?? state.step + 1)
            run.session.isTimed = next == nil && profiled == state.step + 1
            if let made = next { step = made } else { step = try run.advance() }
            let times = run.session.takeTimes()
            let isNew = next == nil
            next = nil
            if let trouble { throw trouble }
            guard var result = step else {
                // Nothing of this step counts; the checkpoint is that of the step before.
                if state.step > start.step, let row = lastRow { try checkpoint(run, job, state, row, metrics) }
                return leave(state)
            }
            if isNew, state.step == start.step { willTrain() }
            state.step = result.step
            if run.session.isTimed, let peaks {
                try StepProfile(step: result.step, tokens: result.tokens, device: job.device.name, times: times, peaks: peaks).write(folder)
                try event(.profiled, "Profile of step \(result.step) is in profile.txt and profile.json")
            }
            run.session.isTimed = false
            if isNew { state.trainedTokens += result.trainedTokens }
            let now = Double(result.tokens) / max(1e-9, result.seconds)
            if isNew { speed = speed == 0 ? now : 0.9 * speed + 0.1 * now }
            var row = MetricsRow(result, trainedTokens: state.trainedTokens, tokensPerSecond: now)
            state.openRow = run.isEvaluationDue ? row : nil
            lastRow = row
            if run.isEvaluationDue { pulse.enter(.evaluation, step: state.step) }
            try run.evaluateAgain(&result)
            if let trouble { throw trouble }
            if result.lacksEvaluation {
                if !folder.pendingControls.contains("cancel") { try checkpoint(run, job, state, row, metrics) }
                return leave(state)
            }
            state.openRow = nil
            row = MetricsRow(result, trainedTokens: state.trainedTokens, tokensPerSecond: now)
            try metrics.append(row)
            lastRow = row
            update(result, state, speed, elapsed: MonotonicClock.seconds() - began, stepsHere: result.step - start.step)
            meter(trainedTokens: state.trainedTokens)
            for warning in watch.add(row, examples: run.lines(ofStep: result.step - 1)) { try event(.outlier, warning, .warn) }
            if let warning = rising.add(row) {
                if job.manifest.isStrict { throw PreparationError.strict([warning]) }
                try event(warning)
            }
            if result.fullValidation != nil || result.validation != nil {
                try event(
                    .evaluated,
                    "Step \(result.step)/\(run.settings.totalSteps): training loss \(Self.rounded(result.loss)), validation loss \(Self.rounded(result.fullValidation?.meanLoss ?? result.validation?.meanLoss ?? 0))",
                    data: [
                        "step": JSONNode(result.step), "train_loss": JSONNode(result.loss),
                        "full_valid_loss": result.fullValidation.map { JSONNode($0.meanLoss) } ?? nil,
                    ])
            }
            let verbs = folder.pendingControls
            let limit = usedUp(job.manifest)
            let leaves = mustStop() || verbs.contains("cancel") || verbs.contains("pause") || limit != nil
            if run.isCheckpointDue || (leaves && !run.isFinished) { try checkpoint(run, job, state, row, metrics) }
            if verbs.contains("checkpoint") { try answerCheckpoint(run, job, state, row, metrics) }
            if verbs.contains("cancel") || leaves && !run.isFinished { return leave(state, usedUp: limit) }
            if MonotonicClock.seconds() - lastSave > 0.5 {
                try publish()
                lastSave = MonotonicClock.seconds()
            }
        }
        try metrics.sync()
        guard let outcome = try complete(run, job, state, lastRow) else { return leave(state) }
        return outcome
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

    /// Writes the checkpoint that somebody has asked for: of the last whole step, also while the next one is being done.
    private func answerCheckpoint(
        _ run: TrainingRun, _ job: PreparedJob, _ state: CheckpointState, _ row: MetricsRow?, _ metrics: MetricsLog
    ) throws {
        // It follows the first step, as the daemon has said.
        guard state.step > 0 else { return }
        let name = CheckpointRecord.folderName(step: state.step)
        if status.checkpoint == name {
            try event(.checkpointNotNeeded, "A checkpoint was asked for: \(name) is already there, and no step has been done since")
        } else if let row {
            try checkpoint(run, job, state, row, metrics)
            try event(.checkpointWritten, "Checkpoint \(name) was written because it was asked for")
        }
        folder.removeControl("checkpoint")
    }

    /// The result of the step just done, whose evaluation was broken off in an earlier run and is still to be made up for.
    private func reevaluated(_ row: MetricsRow, _ run: TrainingRun) -> StepResult {
        StepResult(
            step: row.step, epoch: Double(row.step) / Double(run.stepsPerEpoch), loss: row.trainLoss, accuracy: row.trainAccuracy,
            learningRate: row.learningRate, gradientNorm: row.gradientNorm, trainedTokens: 0, tokens: Int(row.tokensPerSecond), seconds: 1,
            usefulShare: row.usefulShare)
    }

    /// Writes the result, reads it back, and only then says that the job has succeeded.
    /// - Returns: nil if the last evaluation was broken off; nothing is written then.
    private func complete(_ run: TrainingRun, _ job: PreparedJob, _ state: CheckpointState, _ lastRow: MetricsRow?) throws -> WorkerExit? {
        // With the validation layer on (TALA_VULKAN_VALIDATION=1) what it says is part of the job's story.
        for message in Devices.validationMessages(job.device) { try event(.deviceMessage, message, .warn) }
        pulse.enter(.result, step: state.step)
        status.trainedTokens = state.trainedTokens
        guard let evaluation = try run.evaluation() else { return nil }
        guard let expected = try run.lossOfFirstExamples(ResultReplay.exampleCount) else { return nil }
        let writer = ResultWriter(folder: folder, job: job, run: run, status: status, lastRow: lastRow, evaluation: evaluation)
        status.neededBytes = writer.byteCount
        try twice("the result") { try writer.write() }
        try replay(run, job, expected)
        meter(trainedTokens: state.trainedTokens)
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
        folder.removeTokens()
        return .succeeded
    }

    /// Runs some examples on the result as it was written.
    /// - Throws: ``WorkerError/resultDiffers(part:found:expected:)``; the result is then removed.
    private func replay(_ run: TrainingRun, _ job: PreparedJob, _ expected: Measures) throws {
        let asked = run.mustBreakOff
        defer { run.mustBreakOff = asked }
        // The result is there: who wants the worker to leave gets his way a moment later.
        run.mustBreakOff = { [pulse] in
            pulse.beat()
            return false
        }
        do {
            for outcome in try ResultReplay(job: job, run: run).check(folder.result, expected: expected) {
                try event(.resultReadBack, outcome.text)
            }
        } catch {
            if FailureDescription.cause(of: error)?.isTransient != true, FailureDescription.passingTrouble(error) == nil {
                FolderListing.delete(folder.result)
            }
            throw error
        }
    }

    private func update(_ result: StepResult, _ state: CheckpointState, _ speed: Double, elapsed: Double, stepsHere: Int) {
        status.progress.step = result.step
        status.progress.epoch = result.epoch
        status.progress.trainLoss = result.loss
        if let loss = result.fullValidation?.meanLoss ?? result.validation?.meanLoss { status.progress.validLoss = loss }
        status.progress.tokensPerSecond = speed
        status.progress.usefulShare = result.usefulShare
        status.trainedTokens = state.trainedTokens
        let remaining = elapsed / Double(max(1, stepsHere)) * Double(status.progress.totalSteps - result.step)
        status.progress.remainingSeconds = remaining
        status.estimatedFinish = Self.wallTime() + Int(min(remaining, 1e9))
    }

    static func rounded(_ number: Double) -> String { "\((number * 10_000).rounded() / 10_000)" }

    private func checkpoint(_ run: TrainingRun, _ job: PreparedJob, _ state: CheckpointState, _ row: MetricsRow, _ metrics: MetricsLog)
        throws
    {
        // The steps that the checkpoint stands for must not be missing in the metrics after a power cut.
        try metrics.sync()
        let name = CheckpointRecord.folderName(step: state.step)
        let path = folder.checkpoints + "/" + name
        // Written by an earlier run and verified when this one began, or written a moment ago.
        if status.checkpoint == name, FolderListing.exists(path) { return }
        var record = CheckpointRecord(job: folder.id, step: state.step, createdAt: Self.wallTime())
        (record.trainLoss, record.trainAccuracy, record.fullValidLoss, record.fullValidAccuracy) = (
            row.trainLoss, row.trainAccuracy, row.fullValidLoss, row.fullValidAccuracy
        )
        try tuning.write(job.device)
        try twice("checkpoint \(name)") {
            try Checkpointing.write(state, of: run.session, to: path) { temporary in
                try job.tuned(in: run.session).completeCheckpoint(in: temporary)
                try DurableFiles.replace(temporary + "/checkpoint.json", with: JSONWriter(isIndented: true).string(record.json) + "\n")
            }
            if let fault = try WholeFolder.verify(path) {
                throw StorageError(operation: "read back (\(fault))", path: path, errorNumber: EIO)
            }
        }
        status.checkpoint = name
        status.checkpointedAt = Self.wallTime()
        try save()
        // The newest ones are kept; the rest goes now that the new one is there and has been read back.
        for old in folder.checkpointNames.dropLast(job.manifest.checkpoint.keep) { try WholeFolder.remove(folder.checkpoints + "/" + old) }
    }

    /// Writes something whole; after an input/output error once more, under a new name and with an event.
    private func twice(_ what: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as StorageError where error.errorNumber == EIO {
            try event(.writtenAgain, "\(error); \(what) is written anew", .warn)
            try body()
        }
    }
}

extension MetricsRow {
    init(_ result: StepResult, trainedTokens: Int, tokensPerSecond: Double) {
        self.init(
            step: result.step, trainLoss: result.loss, trainAccuracy: result.accuracy, learningRate: result.learningRate,
            gradientNorm: result.gradientNorm, trainedTokens: trainedTokens, tokensPerSecond: tokensPerSecond,
            usefulShare: result.usefulShare)
        (validLoss, validAccuracy) = (result.validation?.meanLoss, result.validation?.accuracy)
        (fullValidLoss, fullValidAccuracy) = (result.fullValidation?.meanLoss, result.fullValidation?.accuracy)
    }
}
