import Jobs
import Spool
import Storage

/// What a job's owner asks for while no worker trains the job.
extension Scheduler {
    /// Cancels a job that no worker has in hand.
    func cancel(_ status: inout JobStatus) {
        guard store.change(&status, to: .cancelled) else { return }
        let folder = store.folder(status.id)
        dequeue(status.id)
        for verb in [Verb.cancel, .pause] { folder.removeControl(verb.rawValue) }
        status.finishedAt = Clock.wall()
        // The export of a large checkpoint takes its time, which a worker has and this loop has
        // not.
        let isExported = folder.isValidated && !folder.checkpointNames.isEmpty
        status.reason = isExported ? .exportingCheckpoint : .requested
        store.record(status, .info, .cancelled, "Fine-tuning job cancelled")
        folder.removeTokens()
        if isExported { salvageLater(status) }
        notifyDependents(of: status)
    }

    /// Pauses a job that no worker has in hand.
    func pause(_ status: inout JobStatus) {
        guard store.change(&status, to: .paused) else { return }
        let folder = store.folder(status.id)
        dequeue(status.id)
        let cause = folder.pauseCause
        for verb in [Verb.cancel, .pause] { folder.removeControl(verb.rawValue) }
        status.reason = cause?.reason ?? .requested
        noteWaiting(status)
        store.record(status, .info, .paused, "Paused" + (cause.map { ": " + $0.message } ?? ""))
    }

    /// Lets a paused job go on.
    func resume(_ status: inout JobStatus) {
        if status.reason == .quotaExceeded, let excess = monthExcess(status.owner ?? 0) {
            return store.record(status, .warn, .notResumed, "Not resumed: \(excess)")
        }
        let folder = store.folder(status.id)
        guard store.change(&status, to: folder.stateOfWaiting) else { return }
        stopWaiting(status.id)
        // What was used up is granted again.
        if status.reason?.grantsAnew == true { status.grantedUsage = status.usage.total }
        status.reason = nil
        status.crashes = nil
        for verb in [Verb.pause, .checkpoint] { folder.removeControl(verb.rawValue) }
        store.record(status, .info, .resumed, "Resumed: waiting for a device")
        enqueue(status)
    }
}
