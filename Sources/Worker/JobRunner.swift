import Datasets
import Tensors
import Graph
import Export
import Glibc
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
        /// Stopped with a checkpoint; the next worker goes on.
        case stopped = 75
    }
    private let folder: JobFolder
    private let deviceSelector: String?
    private var status: JobStatus
    private let events: EventLog
    private var tuning: TuningRecord
    /// Set by a signal handler: checkpoint and leave.
    private let mustStop: () -> Bool

    /// - Throws: ``StorageError`` and ``ManifestError`` if the job's folder is damaged.
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

    static func wallTime() -> Int { time(nil) }

    private func save() throws { try folder.write(status) }

    private func event(_ message: String, _ level: JobEvent.Level = .info, data: JSONNode? = nil) throws {
        try events.append(level, message, data: data, at: Self.wallTime())
    }

    /// Does the whole job. Errors end in the status, not in a throw, unless not even that can be written.
    public func run() -> Outcome {
        do {
            return try runThrowing()
        } catch {
            let failure = FailureDescription.status(error)
            if failure.code == "disk_full" { return finish(.paused, reason: "disk_full", "Paused: \(failure.message)") }
            status.error = failure
            return finish(.failed, reason: nil, "Fine-tuning job failed: \(failure.message)")
        }
    }

    private func finish(_ outcome: Outcome, reason: String?, _ message: String) -> Outcome {
        switch outcome {
        case .failed:
            status.state = .failed
            status.finishedAt = Self.wallTime()
        case .cancelled:
            status.state = .cancelled
            status.finishedAt = Self.wallTime()
        case .paused: status.state = .paused
        case .succeeded, .stopped: break
        }
        status.reason = reason
        status.progress.remainingSeconds = nil
        status.estimatedFinish = nil
        try? event(message, outcome == .failed ? .error : .info)
        try? save()
        return outcome
    }

    /// Copies the data into the job's folder once, so that nobody changes it while it is used.
    private func snapshot(_ path: String, _ name: String) throws -> String {
        let copy = folder.path + "/data/" + name
        if access(copy, F_OK) == 0 { return copy }
        mkdir(folder.path + "/data", 0o750)
        let bytes = try DurableFiles.read(path, limit: 64 << 30)
        try bytes.withUnsafeBufferPointer { try DurableFiles.replace(copy, with: UnsafeRawBufferPointer($0), mode: 0o640) }
        return copy
    }

    private func runThrowing() throws -> Outcome {
        let manifest = try folder.manifest()
        let acceptance = try folder.acceptance()
        guard let modelFolder = acceptance.modelPath else { throw WorkerError.noWeights(manifest.model) }
        let resumes = !folder.checkpointNames.isEmpty
        if !resumes {
            status.state = .validatingFiles
            try save()
            try event("Validating training file: \(manifest.trainingFile)")
        }
        let suffix = { (path: String) in path.hasSuffix(".txt") ? ".txt" : ".jsonl" }
        let trainingPath = try snapshot(acceptance.trainingPath, "training" + suffix(acceptance.trainingPath))
        let validationPath = try acceptance.validationPath.map { try snapshot($0, "validation" + suffix($0)) }
        let job: PreparedJob
        do {
            job = try PreparedJob(
                manifest: manifest, modelFolder: modelFolder, trainingPath: trainingPath, validationPath: validationPath,
                initialAdapterPath: acceptance.initialAdapterPath, deviceSelector: manifest.device == "auto" ? deviceSelector : nil)
        } catch let error as WorkerError {
            if case .invalidData(let problems, _, _) = error {
                for problem in problems.prefix(100) { try event(problem.description, .error) }
            }
            throw error
        }
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter(isIndented: true).string(job.manifest.json) + "\n")
        let fingerprint = try fingerprint(job, trainingPath, validationPath)
        status.device = job.device.name
        status.plan = job.plan.json
        status.progress.totalSteps = job.settings.totalSteps
        if !resumes {
            for report in job.reports {
                try event(
                    "Files validated: \(report.file): \(report.exampleCount) examples, \(report.trainedTokenCount) trained tokens",
                    data: report.json)
            }
        }
        if let damage = tuning.adopt(on: job.device) { try event(damage, .warn) }
        let session = try job.makeSession()
        var state = CheckpointState(step: 0, trainedTokens: 0, fingerprint: fingerprint)
        for name in folder.checkpointNames.reversed() {
            do {
                state = try Checkpointing.restore(session, from: folder.checkpoints + "/" + name, fingerprint: fingerprint)
                try event("Resumed from checkpoint \(name)")
                break
            } catch let error as TrainingError {
                // A damaged checkpoint is set aside; the one before is used.
                try event("\(error)", .warn)
                rename(folder.checkpoints + "/" + name, folder.checkpoints + "/.damaged-" + name)
            }
        }
        let run = TrainingRun(
            session: session, training: job.training, validation: job.validation, settings: job.settings, stepsDone: state.step)
        status.state = .running
        status.error = nil
        status.reason = nil
        try save()
        if state.step == 0 { try event("Fine-tuning job started on \(job.device.name), \(job.precision)") }
        return try train(run, job, state)
    }

    private func fingerprint(_ job: PreparedJob, _ training: String, _ validation: String?) throws -> String {
        var parts = [
            JSONWriter().string(job.manifest.json), try SHA256.hexadecimal(ofFile: training), job.precision, "\(job.plan.size)",
            "\(job.plan.recomputedLayers)",
        ]
        if let validation { parts.append(try SHA256.hexadecimal(ofFile: validation)) }
        parts.append(try SHA256.hexadecimal(ofFile: job.modelFolder + "/config.json"))
        if case .checkpoint(let checkpoint) = job.model.source {
            for file in checkpoint.files { parts.append(try SHA256.hexadecimal(ofFile: file)) }
        }
        return SHA256.hexadecimal(of: parts.joined(separator: "\n").utf8)
    }

    private func train(_ run: TrainingRun, _ job: PreparedJob, _ start: CheckpointState) throws -> Outcome {
        let metrics = try MetricsLog(folder, keepingThrough: start.step)
        mkdir(folder.checkpoints, 0o755)
        var state = start
        var lastSave = 0.0
        var speed = 0.0
        var lastRow: MetricsRow?
        let began = TrainingClock.now()
        while !run.isFinished {
            let result = try run.step()
            state.step = result.step
            state.trainedTokens += result.trainedTokens
            let now = Double(result.tokens) / max(1e-9, result.seconds)
            speed = speed == 0 ? now : 0.9 * speed + 0.1 * now
            var row = MetricsRow(
                step: result.step, trainLoss: result.loss, trainAccuracy: result.accuracy, learningRate: result.learningRate,
                gradientNorm: result.gradientNorm,
                trainedTokens: state.trainedTokens, tokensPerSecond: now)
            (row.validLoss, row.validAccuracy) = (result.validation?.meanLoss, result.validation?.accuracy)
            (row.fullValidLoss, row.fullValidAccuracy) = (result.fullValidation?.meanLoss, result.fullValidation?.accuracy)
            try metrics.append(row)
            lastRow = row
            update(result, state, speed, elapsed: TrainingClock.now() - began, stepsHere: result.step - start.step)
            if result.fullValidation != nil || result.validation != nil {
                try event(
                    "Step \(result.step)/\(run.settings.totalSteps): training loss \(Self.rounded(result.loss)), validation loss \(Self.rounded(result.fullValidation?.meanLoss ?? result.validation?.meanLoss ?? 0))",
                    data: [
                        "step": JSONNode(result.step), "train_loss": JSONNode(result.loss),
                        "full_valid_loss": result.fullValidation.map { JSONNode($0.meanLoss) } ?? nil,
                    ])
            }
            let verbs = folder.takeControls()
            let timeIsUp = job.manifest.timeLimit.map { TrainingClock.now() - began > Double($0) } ?? false
            let leaves = mustStop() || verbs.contains("cancel") || verbs.contains("pause") || timeIsUp
            if run.isCheckpointDue || (leaves && !run.isFinished) || verbs.contains("checkpoint") { try checkpoint(run, job, state, row) }
            if verbs.contains("cancel") {
                return finish(.cancelled, reason: "requested", "Fine-tuning job cancelled at step \(result.step)")
            }
            if !run.isFinished {
                if verbs.contains("pause") { return finish(.paused, reason: "requested", "Paused at step \(result.step)") }
                if timeIsUp { return finish(.paused, reason: "time_limit", "Paused at step \(result.step): time_limit is used up") }
                if mustStop() { return finish(.stopped, reason: nil, "Stopped at step \(result.step) with a checkpoint") }
            }
            if TrainingClock.now() - lastSave > 0.5 {
                try save()
                lastSave = TrainingClock.now()
            }
        }
        // With the validation layer on (TALA_VULKAN_VALIDATION=1) what it says is part of the job's story.
        for message in Devices.validationMessages(job.device) { try event(message, .warn) }
        try ResultWriter(folder: folder, job: job, run: run, status: status, lastRow: lastRow).write()
        status.state = .succeeded
        status.finishedAt = Self.wallTime()
        status.estimatedFinish = nil
        status.progress.remainingSeconds = nil
        status.trainedTokens = state.trainedTokens
        status.fineTunedModel = ResultWriter.modelName(job.manifest, folder.id)
        status.resultFiles = ["metrics.csv", "result"]
        try event("New fine-tuned model created: \(status.fineTunedModel ?? folder.id)")
        try event("The job has successfully completed")
        try save()
        return .succeeded
    }

    private func update(_ result: StepResult, _ state: CheckpointState, _ speed: Double, elapsed: Double, stepsHere: Int) {
        status.progress.step = result.step
        status.progress.epoch = result.epoch
        status.progress.trainLoss = result.loss
        if let loss = result.fullValidation?.meanLoss ?? result.validation?.meanLoss { status.progress.validLoss = loss }
        status.progress.tokensPerSecond = speed
        status.trainedTokens = state.trainedTokens
        let remaining = elapsed / Double(max(1, stepsHere)) * Double(status.progress.totalSteps - result.step)
        status.progress.remainingSeconds = remaining
        status.estimatedFinish = Self.wallTime() + Int(min(remaining, 1e9))
    }

    static func rounded(_ number: Double) -> String { "\((number * 10_000).rounded() / 10_000)" }

    private func checkpoint(_ run: TrainingRun, _ job: PreparedJob, _ state: CheckpointState, _ row: MetricsRow) throws {
        try tuning.write(job.device)
        let name = CheckpointRecord.folderName(step: state.step)
        var record = CheckpointRecord(job: folder.id, step: state.step, createdAt: Self.wallTime())
        (record.trainLoss, record.trainAccuracy, record.fullValidLoss, record.fullValidAccuracy) = (
            row.trainLoss, row.trainAccuracy, row.fullValidLoss, row.fullValidAccuracy
        )
        try Checkpointing.write(state, of: run.session, to: folder.checkpoints + "/" + name) { temporary in
            if case .adapter = job.model.training {
                try AdapterExport.writeConfiguration(job.model, baseName: job.manifest.model, to: temporary)
            }
            try DurableFiles.replace(temporary + "/checkpoint.json", with: JSONWriter(isIndented: true).string(record.json) + "\n")
        }
        status.checkpoint = name
        // The newest ones are kept; the rest goes once the new one is there.
        for old in folder.checkpointNames.dropLast(job.manifest.checkpoint.keep) { try WholeFolder.remove(folder.checkpoints + "/" + old) }
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
