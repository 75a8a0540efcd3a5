import Jobs
import Manifest
import Spool
import Storage

/// Decides which job is next: the queue for devices, the one for validation, the jobs that are
/// given up, and those that wait for room or for a quota.
final class Scheduler {
    /// What the worker that needs no device does next.
    enum Check {
        case salvage(String)
        case validate(Queue.Entry)
    }
    let store: JobStore
    let users: Users
    let retries: Retries
    /// Jobs that wait for a device.
    private(set) var queue = Queue()
    /// Jobs whose files wait to be validated.
    private(set) var validations = Queue()
    /// Jobs whose last checkpoint is to be exported.
    private var salvages: [String] = []
    /// Jobs that are paused because a disk is full.
    private(set) var waitingForRoom: Set<String> = []
    /// Jobs that are paused because their owner's month is used up.
    private(set) var waitingForQuota: Set<String> = []
    /// Jobs that have ended and whose dependents are still to be told.
    private var ends: [JobStatus] = []
    /// True once the daemon shuts down: nothing is started any more.
    private(set) var isClosed = false

    init(_ store: JobStore, _ users: Users, _ retries: Retries) {
        self.store = store
        self.users = users
        self.retries = retries
    }

    var journal: Journal { store.journal }
    /// Whether something waits that is ready or will be tried again soon.
    var hasDue: Bool { validations.hasDue || queue.hasDue || !salvages.isEmpty }
    /// Whether nothing waits at all, not even for a time.
    var isEmpty: Bool { queue.isEmpty && validations.isEmpty && salvages.isEmpty }

    func close() { isClosed = true }

    // MARK: What is next

    /// The next job for a free device.
    /// - Parameter running: the jobs of an owner that run now.
    func next(for device: String, running: (Int) -> Int) -> Queue.Entry? {
        let next = queue.next(
            monotonic: Clock.monotonic(), wall: Clock.wall(), device: { DeviceChoice.serves(device, $0) },
            owner: { [self] in running($0) < users.role(of: $0)?.quotas.runningJobs ?? .max })
        guard let next else { return nil }
        if let excess = monthExcess(next.owner) {
            pauseForQuota(next.id, excess)
            return nil
        }
        return next
    }

    func nextCheck() -> Check? {
        if !salvages.isEmpty { return .salvage(salvages.removeFirst()) }
        return validations.next(monotonic: Clock.monotonic(), wall: Clock.wall(), device: { _ in true }, owner: { _ in true }).map {
            .validate($0)
        }
    }

    /// Puts a job back that could not be started.
    func requeue(_ entry: Queue.Entry, _ task: WorkerProcess.Task, after seconds: Double) {
        var entry = entry
        entry.retryAt = Clock.monotonic() + seconds
        if task == .run { queue.add(entry) } else { validations.add(entry) }
    }

    func salvageLater(_ id: String) { salvages.append(id) }

    // MARK: What comes in

    /// Takes in a job that was just accepted.
    /// - Parameter atOnce: whether it goes to a device before its files are validated; its worker
    ///   then does both.
    func add(_ status: JobStatus, _ manifest: Manifest, atOnce: Bool) {
        if atOnce { queue.add(entry(status, manifest)) } else { validations.add(validation(status)) }
    }

    /// What the queue must know of an accepted job.
    private func entry(_ status: JobStatus, _ manifest: Manifest) -> Queue.Entry {
        Queue.Entry(
            id: status.id, owner: status.owner ?? 0, priority: status.priority, device: manifest.device, notBefore: manifest.notBefore,
            after: Set(manifest.after.filter { store.registry.state($0) != .succeeded }))
    }

    private func validation(_ status: JobStatus, retryAt: Double? = nil) -> Queue.Entry {
        Queue.Entry(id: status.id, owner: status.owner ?? 0, priority: status.priority, retryAt: retryAt)
    }

    /// Puts a job where it waits: for a device, or for its files to be validated.
    /// - Parameter retryAt: seconds of the monotonic clock before which it does not start.
    func enqueue(_ status: JobStatus, retryAt: Double? = nil) {
        guard !isClosed else { return }
        let key = Self.queueing(status.id)
        retries.remove(key)
        retries.retryUntilDone(key) { [self] tries in try place(status, retryAt: retryAt, tries: tries) }
    }
    private static func queueing(_ id: String) -> String { "queueing of \(id)" }

    private func place(_ status: JobStatus, retryAt: Double?, tries: Int) throws {
        let folder = store.folder(status.id)
        guard folder.isValidated else { return validations.add(validation(status, retryAt: retryAt)) }
        var status = status
        do {
            let manifest = try folder.manifest()
            // The worker will read it: what is damaged is said before a device is given to it.
            _ = try folder.acceptance()
            // What it waits for may have failed meanwhile.
            let states = manifest.after.map { ($0, store.registry.state($0)) }
            if let (failed, _) = states.first(where: { $1 == .failed || $1 == .cancelled }) {
                return fail(&status, Self.dependencyFailure(failed))
            }
            var entry = entry(status, manifest)
            entry.retryAt = retryAt
            queue.add(entry)
        } catch let error as StorageError where !error.isMissing {
            guard error.isTransient || tries < 6 else { return fail(&status, .init(code: .inputOutput, message: "\(error)")) }
            throw error
        } catch {
            // Its own files cannot be understood.
            let message = "\(error): the job's own files are damaged; drop its manifest again"
            fail(&status, .init(code: .damagedJob, message: message))
        }
    }

    /// Takes up a job that the last daemon left.
    func takeUp(_ status: JobStatus) {
        switch status.state {
        case .queued where status.reason == .givingUp: salvageLater(status.id)
        case .queued, .validatingFiles: enqueue(status)
        case .cancelled: salvageLater(status.id)
        case .paused: noteWaiting(status)
        case .running, .succeeded, .failed: break
        }
    }

    /// Remembers what a paused job waits for, if it waits for more than its owner's word.
    func noteWaiting(_ status: JobStatus) {
        switch status.reason {
        case .diskFull: waitingForRoom.insert(status.id)
        case .quotaExceeded: waitingForQuota.insert(status.id)
        default: break
        }
    }

    // MARK: What ends

    /// Ends a job with a failure, and those that wait for its success.
    func fail(_ status: inout JobStatus, _ failure: JobStatus.Failure) {
        guard store.change(&status, to: .failed) else { return }
        store.countFailure()
        status.reason = nil
        status.finishedAt = Clock.wall()
        status.error = failure
        store.record(status, .error, .failed, "Fine-tuning job failed: \(failure.message)")
        notifyDependents(of: status)
    }

    /// Tells the jobs that wait for one which has ended. They may fail in turn; a long chain must
    /// not become a deep recursion.
    func notifyDependents(of status: JobStatus) {
        ends.append(status)
        guard ends.count == 1 else { return }
        while let next = ends.last {
            for id in queue.ended(next.id, succeeded: next.state == .succeeded) {
                retries.retryUntilDone("failing of \(id)") { [self] tries in
                    if var dependent = try store.repairedStatus(id, tries: tries) { fail(&dependent, Self.dependencyFailure(next.id)) }
                }
            }
            ends.removeAll { $0.id == next.id }
        }
    }

    private static func dependencyFailure(_ id: String) -> JobStatus.Failure {
        .init(code: .dependencyFailed, message: "the job \(id), which this one comes after, did not succeed", param: "after")
    }

    /// Forgets that a job waits for anything.
    private func forget(_ id: String) {
        queue.remove(id)
        validations.remove(id)
        salvages.removeAll { $0 == id }
        waitsNoLonger(id)
        retries.remove(Self.queueing(id))
    }

    /// A job does not wait for room or for a quota any more.
    func waitsNoLonger(_ id: String) {
        waitingForRoom.remove(id)
        waitingForQuota.remove(id)
    }

    // MARK: What its owner asks for

    /// Cancels a job that no worker has in hand.
    func cancel(_ status: inout JobStatus) {
        guard store.change(&status, to: .cancelled) else { return }
        let folder = store.folder(status.id)
        forget(status.id)
        for verb in [Verb.cancel, .pause] { folder.removeControl(verb.rawValue) }
        status.finishedAt = Clock.wall()
        // The export of a large checkpoint takes its time, which a worker has and this loop has
        // not.
        let isExported = folder.isValidated && !folder.checkpointNames.isEmpty
        status.reason = isExported ? .exportingCheckpoint : .requested
        store.record(status, .info, .cancelled, "Fine-tuning job cancelled")
        folder.removeTokens()
        if isExported { salvageLater(status.id) }
        notifyDependents(of: status)
    }

    /// Pauses a job that no worker has in hand.
    func pause(_ status: inout JobStatus) {
        guard store.change(&status, to: .paused) else { return }
        let folder = store.folder(status.id)
        forget(status.id)
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
        waitsNoLonger(status.id)
        // What was used up is granted again.
        if status.reason?.grantsAnew == true { status.grantedUsage = status.usage.total }
        status.reason = nil
        status.crashes = nil
        for verb in [Verb.pause, .checkpoint] { folder.removeControl(verb.rawValue) }
        store.record(status, .info, .resumed, "Resumed: waiting for a device")
        enqueue(status)
    }
}
