import Glibc
import Jobs
import Manifest
import Spool
import Storage

/// Jobs that go on by themselves when there is room on the disk, or when their owner's month allows
/// it.
extension Scheduler {
    /// What an owner has in the queues, has used this month and has on the disk.
    func use(of owner: Int) -> Quotas.Use {
        Quotas.Use(
            queuedJobs: queue.count(of: owner) + validations.count(of: owner),
            month: store.registry.used(by: owner, month: Usage.month(ofSeconds: Clock.wall())),
            diskBytes: store.registry.diskBytes(of: owner))
    }

    /// Which quota of the month an owner has used up, or nil.
    func monthExcess(_ owner: Int) -> String? {
        guard users.policy != nil, let role = users.role(of: owner) else { return nil }
        let used = store.registry.used(by: owner, month: Usage.month(ofSeconds: Clock.wall()))
        return Quotas.monthExcess(used, role.quotas, role: role.name)
    }

    /// Why a job of this many trained tokens is too much for its owner, now that they are known;
    /// nil if it is not.
    func excess(tokens: Int, of owner: Int) -> String? {
        users.role(of: owner).flatMap { Quotas.excess(tokens: tokens, use(of: owner), $0.quotas, role: $0.name) }
    }

    /// Pauses a job that would start although its owner's month is used up.
    func pauseForQuota(_ id: String, _ excess: String) {
        guard var status = (try? store.status(id)) ?? nil, store.change(&status, to: .paused) else { return }
        status.reason = .quotaExceeded
        noteWaiting(status)
        store.record(status, .info, .paused, "Paused: \(excess)")
    }

    /// Lets jobs go on that waited for the next month, or for a more generous policy.
    func lookForQuota() {
        for id in waitingForQuota.sorted() {
            let known: JobStatus?
            do throws(StorageError) { known = try store.status(id) } catch { continue }
            guard var status = known, status.state == .paused, status.reason == .quotaExceeded else {
                stopWaiting(id)
                continue
            }
            guard monthExcess(status.owner ?? 0) == nil else { continue }
            store.record(status, .info, .quotaAgain, "The quota of the month allows the job to go on")
            resume(&status)
        }
    }

    /// Lets jobs go on that waited for room on a full disk.
    func lookForRoom() {
        guard !waitingForRoom.isEmpty else { return }
        var information = statvfs()
        guard statvfs(store.layout.jobs, &information) == 0 else { return }
        let free = UInt64(information.f_bavail).multipliedReportingOverflow(by: UInt64(information.f_frsize))
        for id in waitingForRoom.sorted() {
            let known: JobStatus?
            do throws(StorageError) { known = try store.status(id) } catch { continue }
            guard var status = known, status.state == .paused, status.reason == .diskFull else {
                stopWaiting(id)
                continue
            }
            // Room for the next checkpoint, which is as large as the last one, and something over.
            let last = status.checkpoint.map { Registry.size(of: store.folder(id).checkpoints + "/" + $0) } ?? 0
            let needed = UInt64(max(status.neededBytes ?? 0, last)) &+ (32 << 20)
            if free.overflow || free.partialValue > needed {
                store.record(status, .info, .roomAgain, "There is room on the disk again")
                resume(&status)
            }
        }
    }
}
