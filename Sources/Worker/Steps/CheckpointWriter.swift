import Devices
import Export
import Glibc
import JSON
import Jobs
import Manifest
import Preparation
import Spool
import Storage
import Training

/// Writes the checkpoints of a run, and keeps as many as the manifest wants.
final class CheckpointWriter {
    private unowned let runner: JobRunner
    private let run: TrainingRun
    private let job: PreparedJob
    private let metrics: MetricsLog
    /// Whether the checkpoint of a step stays, whatever number is kept.
    var staysAnyway: (Int) -> Bool = { _ in false }

    init(_ runner: JobRunner, _ run: TrainingRun, _ job: PreparedJob, _ metrics: MetricsLog) {
        (self.runner, self.run, self.job, self.metrics) = (runner, run, job, metrics)
    }

    /// Writes a checkpoint of the last whole step, unless it is there.
    /// - Parameter row: the figures of that step.
    func write(_ state: CheckpointState, _ row: MetricsRow) throws {
        let folder = runner.folder
        // The steps that the checkpoint stands for must not be missing in the metrics after a power
        // cut.
        try metrics.sync()
        let name = CheckpointRecord.folderName(step: state.step)
        let path = folder.checkpoints + "/" + name
        // Written by an earlier run and verified when this one began, or written a moment ago.
        if runner.status.checkpoint == name, FolderListing.exists(path) { return }
        var record = CheckpointRecord(job: folder.id, step: state.step, createdAt: JobRunner.wallTime())
        (record.trainLoss, record.trainAccuracy, record.fullValidLoss, record.fullValidAccuracy) = (
            row.trainLoss, row.trainAccuracy, row.fullValidLoss, row.fullValidAccuracy
        )
        try run.compareParameters()
        let history = try trainerState(state.step)
        try runner.tuning.write(job.device)
        try runner.retryingOnce("checkpoint \(name)") {
            try Checkpointing.write(state, of: run.session, to: path, by: run.group) { temporary in
                try job.tuned(in: run.session).completeCheckpoint(in: temporary)
                try DurableFiles.replace(temporary + "/trainer_state.json", with: history)
                try DurableFiles.replace(temporary + "/checkpoint.json", with: JSONWriter(isIndented: true).string(record.json) + "\n")
            }
            if let fault = try WholeFolder.verify(path) {
                throw StorageError(operation: "read back (\(fault))", path: path, errorNumber: EIO)
            }
        }
        runner.status.checkpoint = name
        runner.status.checkpointedAt = JobRunner.wallTime()
        try runner.save()
        try DurableFiles.replace(folder.trainerStateFile, with: history, durably: false)
        // The newest ones are kept; the rest goes now that the new one is there and has been read
        // back.
        for old in folder.checkpointNames.dropLast(job.manifest.checkpoint.keep)
        where !staysAnyway(CheckpointRecord.step(ofFolder: old) ?? 0) {
            try WholeFolder.remove(folder.checkpoints + "/" + old)
        }
    }

    /// The figures of the steps so far, in the form of transformers' Trainer.
    private func trainerState(_ step: Int) throws -> String {
        let state = TrainerState(
            rows: try metrics.rows(through: step), step: step, totalSteps: run.settings.totalSteps, stepsPerEpoch: run.stepsPerEpoch,
            batchSize: run.settings.batchSize)
        return JSONWriter(isIndented: true).string(state.json) + "\n"
    }

    /// Writes the figures beside the metrics, once all steps are done.
    func close(_ state: CheckpointState) throws {
        try DurableFiles.replace(runner.folder.trainerStateFile, with: try trainerState(state.step), durably: false)
    }

    /// Writes a requested checkpoint: of the last whole step, also while the next one is being
    /// done. Where other processes compute that have a part of the state it follows the step.
    func answer(_ state: CheckpointState, _ row: MetricsRow?) throws {
        // It follows the first step, as the daemon has said.
        guard state.step > 0, run.canBeSaved else { return }
        let name = CheckpointRecord.folderName(step: state.step)
        if runner.status.checkpoint == name {
            try runner.event(.checkpointNotNeeded, "A checkpoint was asked for: \(name) is already there, and no step has been done since")
        } else if let row {
            try write(state, row)
            try runner.event(.checkpointWritten, "Checkpoint \(name) was written because it was asked for")
        }
        runner.folder.removeControl("checkpoint")
    }
}
