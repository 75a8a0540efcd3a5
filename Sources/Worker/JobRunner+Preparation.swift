import Basics
import Datasets
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Ranks
import Spool
import Storage
import Tensors
import Training

extension JobRunner {
    /// Thrown out of the reading of data.
    struct Interruption: Error {}

    /// What to do before training has begun when the worker is asked to leave.
    func leaveEarly() -> WorkerExit? {
        let verbs = folder.pendingControls
        if verbs.contains("cancel") { return finish(.cancelled, .cancelled, reason: .requested, "Fine-tuning job cancelled") }
        if verbs.contains("pause") { return pause("Paused") }
        return mustStop() ? finish(.stopped, .stopped, "Stopped before training") : nil
    }

    /// Takes the data into the job's folder, reads it and the model, and decides what the manifest
    /// leaves open. The first time, what was found is written down; later it must be what was found
    /// then.
    func prepare() throws -> (job: PreparedJob, fingerprint: InputFingerprint) {
        let (manifest, acceptance) = (papers.manifest, papers.acceptance)
        guard let modelFolder = acceptance.modelPath else { throw PreparationError.noWeights(manifest.model) }
        let validation = try folder.validation()
        let isNew = validation == nil
        if isNew, folder.isValidated { try event(.validatingAgain, "validation.json is damaged: the files are validated again", .warn) }
        if isNew {
            try status.become(.validatingFiles)
            try save()
            try event(.validating, "Validating training file: \(manifest.trainingFile)")
        }
        let weights = try ModelDigest(ModelFolders.open(modelFolder))
        let teacherPath = manifest.method.specification is Manifest.Distillation ? acceptance.comparisonPath : nil
        let teacher = try teacherPath.map { path -> (folder: any ModelFolder, weights: ModelDigest) in
            let folder = ModelFolders.open(path)
            return (folder: folder, weights: try ModelDigest(folder))
        }
        let inputs = try InputSnapshot(folder, acceptance)
        pulse.beat()
        // The daemon's device, where the manifest leaves the choice open.
        let isOpen = manifest.device == "auto" || manifest.device == "vulkan" && deviceSelector?.hasPrefix("vulkan") == true
        let job: PreparedJob
        do {
            job = try PreparedJob(
                manifest: manifest, modelFolder: modelFolder, trainingPath: inputs.trainingPath, validationPath: inputs.validationPath,
                initialAdapterPath: inputs.initialAdapterPath, digests: inputs.digests, deviceSelector: isOpen ? deviceSelector : nil,
                cache: DatasetCache(folder: folder.tokens),
                readingProgress: { [self] in try note($0) },
                keeping: folder.checkpointNames.isEmpty ? nil : status.plan.flatMap(JobPlan.Choice.init), day: acceptance.createdAt,
                teacherPath: teacherPath, rank: group.rank, of: group.count, progress: { [pulse] _ in pulse.beat() })
        } catch let error as PreparationError {
            if case .invalidData(let reports) = error {
                for problem in reports.flatMap(\.problems.first).prefix(100) { try event(.invalidData, problem.description, .error) }
                for report in reports where !report.isValid {
                    try event(.invalidData, "\(report.file) is not valid", .error, data: report.summaryJSON)
                }
            }
            throw error
        }
        status.reading = nil
        try note(replacement: job.deviceReplacement)
        let fingerprint = try InputFingerprint(job, weights: weights, inputs: inputs, teacher: teacher)
        pulse.beat()
        if isNew {
            try writeValidation(job, fingerprint)
        } else if let validated = InputFingerprint(json: validation?["inputs"]) {
            // The plan may differ: it depends on the device that is free.
            let changed = fingerprint.differences(from: validated).filter {
                ["training_file", "validation_file", "model", "teacher"].contains($0)
            }
            if !changed.isEmpty { throw PreparationError.inputsChanged(changed) }
        }
        return (job, fingerprint)
    }

    /// Says how far the reading of a data file has come, and stops where that is requested.
    func note(_ progress: DatasetProgress) throws {
        if isAskedToLeave() { throw Interruption() }
        let now = MonotonicClock.seconds()
        guard now - lastReadingNote > 1 else { return }
        lastReadingNote = now
        status.reading = JobStatus.Reading(
            file: progress.file, bytesDone: progress.bytesDone, byteCount: progress.byteCount, exampleCount: progress.exampleCount)
        try publish()
    }

    /// Tells once that the processor stands in for a graphics processor, and keeps it in the status
    /// for as long as that is so.
    func note(replacement: String?) throws {
        guard status.deviceWarning != replacement else { return }
        status.deviceWarning = replacement
        guard let replacement else { return }
        try event(.deviceReplaced, "Warning: \(JobWarning.deviceReplaced(replacement))", .warn)
    }

    private func writeValidation(_ job: PreparedJob, _ fingerprint: InputFingerprint) throws {
        try OwnDigests.replace(folder.manifestFile, with: JSONWriter(isIndented: true).string(job.manifest.json) + "\n")
        for report in job.reports {
            try event(
                .validated, "Files validated: \(report.file): \(report.exampleCount) examples, \(report.trainedTokenCount) trained tokens",
                data: report.summaryJSON)
            for warning in report.warnings.first.prefix(20) { try event(.dataWarning, warning.description, .warn) }
        }
        for remark in job.remarks { try event(.inputWarning, remark, .warn) }
        for note in job.notes { try event(.inputNote, note) }
        // The device's is told whenever a worker begins.
        let replacement = job.deviceReplacement.map(JobWarning.deviceReplaced)
        for warning in job.warnings where warning != replacement { try event(warning) }
        status.plan = PlanFigures(job.plan)
        status.progress.totalSteps = job.settings.totalSteps
        let found: JSONNode = [
            "trained_tokens": JSONNode(job.totalTrainedTokens), "total_steps": JSONNode(job.settings.totalSteps),
            "files": JSONNode(job.reports.map(\.json)), "warnings": JSONNode(job.warnings.map(\.json)),
            "initial_weights": JSONNode(job.initialWeights), "plan": PlanFigures(job.plan).json, "inputs": fingerprint.json,
        ]
        try OwnDigests.replace(folder.validationFile, with: JSONWriter(isIndented: true).string(found) + "\n")
    }
}
