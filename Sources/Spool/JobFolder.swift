import Glibc
package import JSON
package import Jobs
package import Manifest
package import Storage

/// Everything about one job: the files of `jobs/<id>/`.
package struct JobFolder: Sendable, Hashable {
    package let path: String

    package init(path: String) { self.path = path }

    package var id: String { DurableFiles.split(path).name }
    package var manifestFile: String { path + "/manifest.json" }
    /// What was decided when the job was accepted: resolved paths, owner, times.
    package var acceptanceFile: String { path + "/job.json" }
    /// What must survive of the job; ``statusFile`` is a rendering of it.
    package var ledgerFile: String { path + "/ledger.json" }
    package var statusFile: String { path + "/status.json" }
    package var eventsFile: String { path + "/events.jsonl" }
    package var metricsFile: String { path + "/metrics.csv" }
    /// The folder of the figures for TensorBoard.
    package var tensorBoard: String { path + "/tensorboard" }
    /// The figures in the form of transformers' Trainer.
    package var trainerStateFile: String { path + "/trainer_state.json" }
    package var checkpoints: String { path + "/checkpoints" }
    package var result: String { path + "/result" }
    /// The tokenised data, of no value beyond the time that it saves.
    package var tokens: String { path + "/tokens" }
    /// Where the time of one step went, by kind of kernel, if the manifest asks: as JSON and as a
    /// table.
    package var profileFile: String { path + "/profile.json" }
    package var profileTable: String { path + "/profile.txt" }
    package var lockFile: String { path + "/.lock" }
    /// Verbs that the daemon hands to the worker.
    package var controls: String { path + "/.control" }

    /// What validation found, written when a job has passed it.
    package var validationFile: String { path + "/validation.json" }
    /// What a dry run would do: reports, marked examples, numbers, memory and time.
    package var previewFile: String { path + "/preview.json" }
    /// Examples with their losses under the result, by which whoever serves it tells that it
    /// computes there what it did here.
    package var replayFile: String { path + "/replay.json" }
    /// The worker's sign of life.
    package var pulseFile: String { path + "/.pulse" }

    package var isValidated: Bool { FolderListing.exists(validationFile) }

    /// The state of a job that waits for a worker: for a device, or for its files to be validated.
    package var stateOfWaiting: JobState { isValidated ? .queued : .validatingFiles }

    /// What the worker last said of itself.
    package var pulse: Pulse? {
        guard let bytes = try? DurableFiles.read(pulseFile, limit: 256) else { return nil }
        return Pulse(line: String(decoding: bytes, as: UTF8.self))
    }

    /// Room held back for a worker's last words.
    package var ballastFile: String { path + "/.ballast" }

    /// Removes what an earlier worker had begun to write and never finished. The caller must hold
    /// the job's lock.
    package func removeLitter() {
        for place in [path, checkpoints, tokens, tokens + "/digests", tensorBoard] {
            for name in (try? FolderListing.names(in: place)) ?? []
            where name.hasPrefix(".trash-") || name.hasPrefix(".") && name.hasSuffix(".tmp") {
                FolderListing.delete(place + "/" + name)
            }
        }
        FolderListing.delete(ballastFile)
    }

    /// Removes the tokenised data, which a job that has ended has no more use for: it follows from
    /// the data, and is made again if the job goes on after all.
    package func removeTokens() { FolderListing.delete(tokens) }

    /// Removes the last sign of life of a worker that is gone. The caller must hold the job's lock
    /// or be about to start its next worker.
    package func removePulse() { try? DurableFiles.remove(pulseFile) }

    /// What validation found.
    /// - Returns: nil if the files have not been validated, or what was written of that is damaged;
    ///   they are to be validated again then.
    /// - Throws: ``StorageError`` if it cannot be read now.
    package func validation() throws(StorageError) -> JSONNode? {
        do { return try JSONParser().parse(OwnDigests.read(validationFile, limit: 64 << 20)) } catch {
            if let error = error as? StorageError, !error.isMissing { throw error }
            return nil
        }
    }

    /// The accepted manifest.
    /// - Throws: ``StorageError``, ``ManifestError``, ``OwnDigests/Damage``.
    package func manifest() throws -> Manifest {
        try Manifest(ManifestText(OwnDigests.read(manifestFile, limit: 4 << 20), isYAML: false))
    }

    /// Manifest and acceptance.
    /// - Throws: as ``manifest()`` and ``acceptance()``.
    package func papers() throws -> JobPapers { JobPapers(manifest: try manifest(), acceptance: try acceptance()) }

    /// - Throws: ``StorageError``, ``OwnDigests/Damage``.
    package func acceptance() throws -> JobAcceptance {
        let node = try JSONParser().parse(OwnDigests.read(acceptanceFile, limit: 1 << 20))
        guard let acceptance = JobAcceptance(json: node) else {
            throw StorageError(operation: "understand", path: acceptanceFile, errorNumber: EINVAL)
        }
        return acceptance
    }

    /// Names of the checkpoints that are there, oldest first.
    package var checkpointNames: [String] {
        ((try? FolderListing.names(in: checkpoints)) ?? []).filter { CheckpointRecord.step(ofFolder: $0) != nil }
            .sorted { (CheckpointRecord.step(ofFolder: $0) ?? 0) < (CheckpointRecord.step(ofFolder: $1) ?? 0) }
    }

    /// The verbs that wait for the worker. Each stays until ``removeControl(_:)`` says that it has
    /// been acted on.
    package var pendingControls: [String] { ((try? FolderListing.names(in: controls)) ?? []).filter { !$0.hasPrefix(".") } }

    /// Why there is to be a pause, where it was not a user who asked for it.
    package var pauseCause: (reason: StateReason, message: String)? {
        guard let bytes = try? DurableFiles.read(controls + "/pause", limit: 4096), !bytes.isEmpty else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1)
        guard lines.count == 2, let reason = StateReason(rawValue: String(lines[0])) else { return nil }
        return (reason, String(lines[1]))
    }

    /// Asks the job's worker for a pause, and says why.
    package func requestPause(_ reason: StateReason, message: String) throws(StorageError) {
        try DurableFiles.replace(controls + "/pause", with: reason.rawValue + "\n" + message)
    }

    /// Takes a verb away that has been acted on, or that no longer means anything.
    package func removeControl(_ verb: String) { try? DurableFiles.remove(controls + "/" + verb) }
}
