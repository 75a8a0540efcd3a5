import Glibc
import Jobs
import Spool
import Storage

/// Does what a user asked of a job: by itself where no worker has the job in hand, else by way of
/// its worker.
struct JobControl {
    let store: JobStore
    let scheduler: Scheduler
    let supervisor: WorkerSupervisor

    func apply(_ verb: Verb, _ status: inout JobStatus) {
        let isTraining = supervisor.isTraining(status.id)
        switch verb {
        case .cancel where !isTraining && !status.state.isFinal:
            guard !hasEnded(&status) else { break }
            return scheduler.cancel(&status)
        case .pause where !isTraining && (status.state == .queued || status.state == .validatingFiles):
            guard !hasEnded(&status) else { break }
            return scheduler.pause(&status)
        case .resume where status.state == .paused: return scheduler.resume(&status)
        case .cancel where isTraining, .pause where isTraining, .checkpoint where isTraining: return forward(verb, status)
        case .delete where status.state.isFinal && !supervisor.hasInHand(status.id): return delete(status)
        default: break
        }
        Controls.logMeaningless(verb.rawValue, status, store.journal)
    }

    /// Ends the check of a job, if there is one.
    /// - Parameter status: what its worker said last, afterwards.
    /// - Returns: whether the worker had just ended the job.
    private func hasEnded(_ status: inout JobStatus) -> Bool {
        guard let ended = supervisor.stopCheck(of: status.id) else { return false }
        if let last = (try? store.status(status.id)) ?? nil { status = last }
        if status.state.isFinal { Settlement(store, scheduler, RetryPolicy(delays: [])).settle(ended) }
        return status.state.isFinal
    }

    /// Deletes a job, unless something that is served needs it.
    private func delete(_ status: JobStatus) {
        let deployed = DeploymentFiles(store.layout).names(using: status.id)
        guard !deployed.isEmpty else { return store.delete(status) }
        let message = "The job is not deleted: \(deployed.joined(separator: ", ")) in deployments/ serves its result"
        store.journal.log(.warning, "\(status.id): \(message)", .refusedControl, Journal.Subject(job: status.id))
        try? EventLog(store.folder(status.id)).append(.warn, .controlRefused, message, at: Clock.wall())
    }

    static func forwarding(_ name: String) -> String { "forwarding of control/\(name)" }

    /// Gives a verb to the worker that trains a job. Until its first step is done it has nothing to
    /// keep and may be busy reading weights or compiling kernels, where it looks at no controls:
    /// then it is simply ended, and who asks for a checkpoint is told why there is none.
    private func forward(_ verb: Verb, _ status: JobStatus) {
        let (id, folder) = (status.id, store.folder(status.id))
        let hasNothingToKeep = folder.pulse?.phase.hasNothingToKeep ?? false
        if hasNothingToKeep, verb == .checkpoint {
            let last = folder.checkpointNames.last
            let why =
                last.map { ": \($0) is already there, and no step has been done since" }
                ?? " and follows the first step: there is nothing to keep before"
            let message = "A checkpoint was asked for" + why
            do { try EventLog(folder).append(.info, .checkpointNotNeeded, message, at: Clock.wall()) } catch {
                store.journal.log(.error, "\(id): \(error)", nil, Journal.Subject(job: id))
            }
            if last != nil { return }
        }
        scheduler.retries.retryUntilDone(Self.forwarding(id + "." + verb.rawValue)) { [supervisor] _ in
            // A worker that has ended meanwhile has nothing left to do.
            guard supervisor.isTraining(id) else { return }
            try DurableFiles.replace(folder.controls + "/" + verb.rawValue, with: "")
        }
        if hasNothingToKeep, verb != .checkpoint { supervisor.send(SIGTERM, toTrainerOf: id) }
    }
}
