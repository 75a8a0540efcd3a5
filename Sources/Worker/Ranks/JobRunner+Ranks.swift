import Datasets
import Devices
import JSON
package import Jobs
import Preparation
import Ranks
import Spool
import Storage
import Training

/// The files of a dataset that go to the other ranks.
enum SharedFiles {
    static let names = ["tokens.bin", "examples.bin"]
}

extension JobRunner {
    /// What carries a job of several lanes, as the end of a sentence.
    func carriers(_ job: PreparedJob) -> String {
        let lanes = job.settings.lanes.count
        if lanes == 1 { return "" }
        return ": \(lanes) lanes in \(group.count) process\(group.count == 1 ? "" : "es")"
    }

    /// Gives the other ranks all that they need of a job.
    func share(_ job: PreparedJob) throws {
        guard !group.isAlone else { return }
        let adapter = papers.acceptance.initialAdapter.map { _ in folder.path + "/data/initial-adapter" }
        let shared = try SharedJob(job, day: papers.acceptance.createdAt, initialAdapter: adapter)
        try group.announce(RankOrder.job.bytes)
        _ = try group.share(JSONWriter().string(shared.json))
        let validation = shared.hasOwnValidation ? job.validation : nil
        for data in [job.training, validation].compactMap({ $0 }) {
            // The bytes are there as long as the dataset.
            try withExtendedLifetime(data) { for file in data.files { try group.send(file.bytes) } }
        }
        guard let adapter else { return }
        for name in shared.adapterFiles { try group.send(MappedFile(path: "\(adapter)/\(name)")) }
    }

    /// Waits until the others are ready.
    /// - Throws: ``WorkerError/unequalRank(_:reason:)``: one cannot do its part, or would compute
    ///   other numbers.
    func awaitRanks(_ job: PreparedJob) throws {
        guard !group.isAlone else { return }
        let own = RankReply(job)
        for (rank, bytes) in try group.gather(own.bytes).enumerated() where rank != 0 {
            guard let reply = RankReply(bytes) else { throw TrainingError.brokenExchange }
            if let objection = own.objection(to: reply) { throw WorkerError.unequalRank(rank, reason: objection) }
        }
    }

    /// How a rank ends after an error that only the end of the group answers.
    package static func exit(after error: any Error) -> WorkerExit {
        if let outcome = FailureDescription.transientOutcome(error) { return outcome }
        return FailureDescription.cause(of: error)?.isTransient == true ? .ranOut : .failed
    }

    /// Gives the others what the model says of the examples before training.
    /// - Parameter path: the folder that holds it.
    func shareReferences(_ path: String, hasValidation: Bool) throws {
        guard !group.isAlone else { return }
        try group.announce(RankOrder.references.bytes)
        try group.send(MappedFile(path: path + "/training.bin"))
        if hasValidation { try group.send(MappedFile(path: path + "/validation.bin")) }
    }
}
