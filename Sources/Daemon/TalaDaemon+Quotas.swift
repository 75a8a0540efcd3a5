import Glibc
import Jobs
import Spool
import Storage

/// What jobs use while they run, and what follows when that is too much for the month.
extension TalaDaemon {
    /// Takes in what the jobs at work have used so far, and pauses those whose owners have used up their month.
    func countUse() {
        let now = Clock.monotonic()
        guard authority.policy != nil, now - lastCount > configuration.countSeconds else { return }
        lastCount = now
        // To walk through all files of a job takes longer than to read its status.
        let countsDisk = now - lastDiskCount > 5 * configuration.countSeconds
        if countsDisk { lastDiskCount = now }
        for worker in workers {
            let folder = layout.job(worker.job)
            guard let status = folder.status() else { continue }
            registry.noteWork(status, diskBytes: countsDisk ? Registry.size(of: folder.path) : nil)
        }
        for index in devices.indices {
            guard let worker = devices[index].worker, !worker.isToldToPause, let excess = monthExcess(worker.owner) else { continue }
            let folder = layout.job(worker.job)
            guard !folder.pendingControls.contains("pause") else { continue }
            do {
                try folder.requestPause(.quotaExceeded, message: excess)
                devices[index].worker?.isToldToPause = true
                journal.log(.notice, "\(worker.job): \(excess)", nil, Journal.Subject(job: worker.job, user: worker.owner))
            } catch { journal.log(.error, "\(worker.job): \(error)", nil, Journal.Subject(job: worker.job)) }
        }
    }

    /// Which quota of the month an owner has used up, or nil.
    func monthExcess(_ owner: Int) -> String? {
        guard authority.policy != nil, let role = authority.role(of: submitter(owner)) else { return nil }
        return Quotas.monthExcess(registry.used(by: owner, month: Usage.month(ofSeconds: Clock.wall())), role.quotas, role: role.name)
    }

    /// Pauses a job that would start although its owner's month is used up.
    func pauseForQuota(_ id: String, _ excess: String) {
        let folder = layout.job(id)
        guard var status = folder.status() else { return }
        guard change(&status, to: .paused) else { return }
        pausedByQuota(&status, (.quotaExceeded, excess))
        record(status, folder, .info, .paused, "Paused: \(excess)")
    }

    func pausedByQuota(_ status: inout JobStatus, _ cause: (reason: StateReason, message: String)) {
        status.reason = cause.reason
        if cause.reason == .quotaExceeded { waitingForQuota.insert(status.id) }
    }

    /// Lets jobs go on that waited for the next month, or for a more generous policy.
    func lookForQuota() {
        for id in waitingForQuota.sorted() {
            let folder = layout.job(id)
            guard var status = folder.status(), status.state == .paused, status.reason == .quotaExceeded else {
                waitingForQuota.remove(id)
                continue
            }
            guard monthExcess(status.owner ?? 0) == nil else { continue }
            record(status, folder, .info, .quotaAgain, "The quota of the month allows the job to go on")
            resume(&status, folder)
        }
    }
}
