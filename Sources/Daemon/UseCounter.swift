import Jobs
import Spool
import Storage

/// Takes in what the jobs at work have used so far, and pauses those whose owners have used up
/// their month.
struct UseCounter {
    /// Seconds between two counts; the jobs' files are counted every fifth time.
    let interval: Double
    private var lastCount = -Double.infinity
    private var lastDiskCount = -Double.infinity

    init(interval: Double) { self.interval = interval }

    mutating func count(_ supervisor: WorkerSupervisor, _ store: JobStore, _ scheduler: Scheduler) {
        let now = Clock.monotonic()
        guard store.countsDisk, now - lastCount > interval else { return }
        lastCount = now
        // To walk through all files of a job takes longer than to read its status.
        let countsDisk = now - lastDiskCount > 5 * interval
        if countsDisk { lastDiskCount = now }
        for worker in supervisor.workers {
            if let status = store.folder(worker.job).status() { store.noteWork(status, measuring: countsDisk) }
        }
        for index in supervisor.devices.indices {
            guard let worker = supervisor.devices[index].worker, !worker.isPauseRequested,
                let excess = scheduler.monthExcess(worker.owner)
            else { continue }
            let folder = store.folder(worker.job)
            let subject = Journal.Subject(job: worker.job, user: worker.owner)
            guard !folder.pendingControls.contains(Verb.pause.rawValue) else { continue }
            do {
                try folder.requestPause(.quotaExceeded, message: excess)
                supervisor.notePause(onDevice: index)
                store.journal.log(.notice, "\(worker.job): \(excess)", nil, subject)
            } catch { store.journal.log(.error, "\(worker.job): \(error)", nil, subject) }
        }
    }
}
