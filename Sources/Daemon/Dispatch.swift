import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage

/// Gives free devices, and the workers for checks, what the scheduler has for them.
struct Dispatch {
    let store: JobStore
    let scheduler: Scheduler
    let supervisor: WorkerSupervisor
    /// How several processes are started.
    var launch = Launch()
    var plans = KnownPlans()
    var memory = HostMemory()

    func startWork() {
        guard !scheduler.isClosed, supervisor.mayStart else { return }
        for index in supervisor.devices.indices where supervisor.devices[index].isFree {
            let next = scheduler.next(
                for: supervisor.devices[index].selector, running: supervisor.running,
                fits: { !lacksDevices($0, onDevice: index) && hasRoom(for: $0, onDevice: index) })
            guard let next, let status = begin(.run, next) else { continue }
            let problem = supervisor.train(next.id, owner: next.owner, onDevice: index, by: gang(for: next, onDevice: index))
            plans.keepOnly { supervisor.isTraining($0) || scheduler.queue.contains($0) }
            settle(.run, next, status, problem)
        }
        while supervisor.mayCheck, let check = scheduler.nextCheck(mayHaveOne: { !supervisor.isChecking(for: $0) }) {
            switch check {
            case .salvage(let next): salvage(next)
            case .validate(let next): validate(next)
            }
        }
    }

    /// Whether a job has to wait for further devices to hold it. Where there will never be as many
    /// its worker says so.
    private func lacksDevices(_ entry: Queue.Entry, onDevice index: Int) -> Bool {
        guard entry.ranks > 1, let least = plan(of: entry.id)?.leastProcesses, least > 1,
            least > gang(for: entry, onDevice: index)?.gang.processes ?? 1,
            least <= supervisor.gang(for: entry, from: index, launch, whenAllAreFree: true)?.gang.processes ?? 1
        else { return false }
        scheduler.noteShortage(entry.id, "it needs \(least) devices to hold it, and others work on them")
        return true
    }

    /// Whether a job's plan leaves the jobs that run their memory.
    private func hasRoom(for entry: Queue.Entry, onDevice index: Int) -> Bool {
        let plan = plan(of: entry.id)
        let choice = gang(for: entry, onDevice: index)
        guard let objection = memory.objection(to: plan?.hostBytes(choice?.here ?? 1, of: choice?.gang.processes ?? 1), beside: held) else {
            return true
        }
        scheduler.noteShortage(entry.id, objection)
        return false
    }

    /// As many processes as there are devices and memory for.
    private func gang(for entry: Queue.Entry, onDevice index: Int) -> GangChoice? {
        guard entry.ranks > 1 else { return nil }
        let plan = plan(of: entry.id)
        return supervisor.gang(for: entry, from: index, launch) { here, processes in
            // What is too much for the whole host is not begun in several processes; one may try.
            memory.objection(to: plan?.hostBytes(here, of: processes), beside: held + [0]) == nil
        }
    }

    /// What the jobs that run hold of the host.
    private var held: [Int?] {
        supervisor.devices.compactMap { $0.worker }.map { worker in plan(of: worker.job)?.hostBytes(worker.here, of: worker.processes) }
    }

    /// That with which a job trains, or was validated; nil before there is one.
    private func plan(of job: String) -> PlanFigures? {
        let folder = store.folder(job)
        return plans.plan(
            of: job, isRunning: supervisor.isTraining(job), ofWorker: { folder.status()?.plan },
            ofValidation: { ((try? folder.validation()) ?? nil).flatMap { PlanFigures(json: $0["plan"]) } })
    }

    private func validate(_ next: Queue.Entry) {
        guard let status = begin(.validate, next) else { return }
        let problem = supervisor.check(
            .validate, next.id, owner: next.owner, device: supervisor.devices.first?.selector ?? "auto")
        settle(.validate, next, status, problem)
    }

    /// Makes sure that a job can be given to a worker, and counts the attempt.
    /// - Returns: nil if it cannot; it waits again then, or is left alone.
    private func begin(_ task: WorkerProcess.Task, _ entry: Queue.Entry) -> JobStatus? {
        // A worker of a daemon that was killed may still be writing its last checkpoint.
        guard let lock = try? FileLock(path: store.folder(entry.id).lockFile) else {
            scheduler.requeue(entry, task, after: 0.5)
            return nil
        }
        withExtendedLifetime(lock) {}
        // The worker goes by what the files say.
        guard !store.isPending(entry.id) else {
            scheduler.requeue(entry, task, after: 0.2)
            return nil
        }
        do {
            guard var status = try store.repairedStatus(entry.id, tries: supervisor.startFailures.count) else {
                store.journal.log(
                    .error, "\(entry.id): none of its own files can be read; the job is left alone", nil, Journal.Subject(job: entry.id))
                return nil
            }
            if status.state.isFinal || status.state == .paused { return nil }
            if task == .run {
                status.attempts += 1
                try store.writeNow(status)
            }
            return status
        } catch {
            supervisor.noteStartFailure("\(entry.id): \(error)")
            scheduler.requeue(entry, task, after: 0)
            return nil
        }
    }

    private func settle(_ task: WorkerProcess.Task, _ entry: Queue.Entry, _ status: JobStatus, _ problem: StorageError?) {
        var status = status
        if let problem {
            // It did not count as an attempt.
            if task == .run { status.attempts -= 1 }
            if supervisor.startFailures.isWorthReporting {
                let why = String(cString: strerror(problem.errorNumber))
                store.record(status, .warn, .workerNotStarted, "No worker could be started: \(why); it is tried again")
            } else {
                store.write(status)
            }
            return scheduler.requeue(entry, task, after: 0)
        }
        // What the worker makes of it, it says itself: what counts from now on is its status.
        let isValidated = store.folder(entry.id).isValidated
        if store.change(&status, to: task == .run && isValidated ? .running : .validatingFiles) { store.note(status) }
    }

    private func salvage(_ entry: Queue.Entry) {
        let id = entry.id
        let status: JobStatus?
        do throws(StorageError) {
            if store.isPending(id) { throw StorageError(operation: "write the status of", path: id, errorNumber: EAGAIN) }
            status = try store.status(id)
        } catch {
            supervisor.noteStartFailure("\(id): \(error)")
            return scheduler.requeue(entry, .salvage, after: 0)
        }
        guard let status, status.reason == .givingUp || status.reason == .exportingCheckpoint else { return }
        let step = status.state == .cancelled ? [] : status.crashes?.step.map { ["--step", "\($0)"] } ?? []
        guard let problem = supervisor.check(.salvage, id, owner: entry.owner, device: status.device ?? "auto", step) else { return }
        // A program that is not there will not come; processes and memory may.
        if problem.isTransient {
            scheduler.requeue(entry, .salvage, after: 0)
        } else {
            Settlement(store, scheduler, RetryPolicy(delays: [])).salvaged(id)
        }
    }
}
