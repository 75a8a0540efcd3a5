import Datasets
import Devices
import Jobs
import Manifest
import Models
import Preparation
package import Ranks
import Storage
import Training

/// A rank other than 0: computes its lanes of what rank 0 announces.
///
/// Everything of the job comes from rank 0; only the model is read from the disk. It writes
/// nothing: it has no lock, no folder and no control files.
package struct Follower {
    private let group: any RankGroup
    private let deviceSelector: String?

    /// - Parameter deviceSelector: the device that this process is given.
    package init(group: any RankGroup, deviceSelector: String?) {
        (self.group, self.deviceSelector) = (group, deviceSelector)
    }

    /// Follows rank 0 until there is nothing more to do.
    /// - Throws: what makes this rank useless: the group must end then.
    package func run() throws {
        while let order = RankOrder(try group.nextAnnouncement()) {
            switch order {
            case .job: if try follow() { return }
            case .end: return
            default: throw TrainingError.brokenExchange
            }
        }
        throw TrainingError.brokenExchange
    }

    /// Receives the job and does its part of it.
    /// - Returns: whether there is nothing more to do.
    private func follow() throws -> Bool {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let received: Result<(job: PreparedJob, session: TrainingSession), any Error>
        let shared = try SharedJob(group.share(""))
        let files = try receiveFiles(shared, into: scratch.path)
        do {
            let job = try prepare(shared, files)
            received = .success((job, try job.makeSession()))
        } catch { received = .failure(error) }
        scratch.remove()
        // Rank 0 says what becomes of the job if this one cannot go on.
        let reply: RankReply
        switch received {
        case .success(let (job, _)): reply = RankReply(job)
        case .failure(let error): reply = RankReply(error)
        }
        _ = try group.gather(reply.bytes)
        guard case .success((var job, let session)) = received else { return false }
        var run = makeRun(job, session)
        while true {
            switch try run.follow() {
            case .references:
                let scratch = try ScratchFolder()
                defer { scratch.remove() }
                try group.receive(toNew: scratch.path + "/training.bin")
                job.training.references = try ReferenceTable(path: scratch.path + "/training.bin")
                if job.validation != nil {
                    try group.receive(toNew: scratch.path + "/validation.bin")
                    job.validation?.references = try ReferenceTable(path: scratch.path + "/validation.bin")
                }
                run = makeRun(job, session)
            case .end: return true
            default: throw TrainingError.brokenExchange
            }
        }
    }

    private func makeRun(_ job: PreparedJob, _ session: TrainingSession) -> TrainingRun {
        let run = TrainingRun(session: session, training: job.training, validation: job.validation, settings: job.settings, group: group)
        run.isCancelled = { [group] in group.isToldToCancel }
        return run
    }

    private struct Files {
        var training: String
        var validation: String?
        var adapter: String?
    }

    private func receiveFiles(_ job: SharedJob, into folder: String) throws -> Files {
        var files = Files(training: folder + "/training")
        if job.hasOwnValidation { files.validation = folder + "/validation" }
        for path in [files.training] + (files.validation.map { [$0] } ?? []) {
            try DurableFiles.makeFolder(path, mode: 0o700, isNew: true)
            for name in SharedFiles.names { try group.receive(toNew: "\(path)/\(name)") }
        }
        guard !job.adapterFiles.isEmpty else { return files }
        let adapter = folder + "/adapter"
        files.adapter = adapter
        try DurableFiles.makeFolder(adapter, mode: 0o700, isNew: true)
        for name in job.adapterFiles { try group.receive(toNew: "\(adapter)/\(name)") }
        return files
    }

    private func prepare(_ shared: SharedJob, _ files: Files) throws -> PreparedJob {
        var training = try Dataset(folder: files.training)
        var validation = try files.validation.map { try Dataset(folder: $0) }
        if let fraction = shared.manifest.validationSplit {
            let (kept, drawn) = training.split(fraction: fraction, seed: shared.manifest.seed)
            (training, validation) = (kept, drawn)
        }
        var manifest = shared.manifest
        // Warnings and the job's own limit have been looked at by rank 0.
        (manifest.isStrict, manifest.memoryLimit) = (false, nil)
        let job = try PreparedJob(
            manifest: manifest, modelFolder: shared.modelFolder, trainingPath: "", validationPath: nil, initialAdapterPath: files.adapter,
            deviceSelector: deviceSelector, keeping: JobPlan.Choice(shared.plan), day: shared.day,
            data: PreparedData(training: training, validation: validation, reports: shared.reports), rank: group.rank, of: group.count)
        Devices.forgetTuning(of: job.device)
        return job
    }
}
