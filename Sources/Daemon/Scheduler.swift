import Jobs
import Manifest
import Spool
import Storage

/// Decides which job is next: the queue for devices, the one for validation, the jobs that are
/// given up, and those that wait for room or for a quota.
final class Scheduler {
    /// What a worker that needs no device does next.
    enum Check {
        case salvage(Queue.Entry)
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
    private var salvages = Queue()
    /// Jobs that are paused because a disk is full.
    private(set) var waitingForRoom: Set<String> = []
    /// Jobs that are paused because their owner's month is used up.
    private(set) var waitingForQuota: Set<String> = []
    /// Jobs that wait for memory of the host, and whose owners know it.
    private var toldOfMemory: Set<String> = []
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
    var hasDue: Bool { validations.hasDue || queue.hasDue || salvages.hasDue }
    /// Whether nothing waits at all, not even for a time.
    var isEmpty: Bool { queue.isEmpty && validations.isEmpty && salvages.isEmpty }

    func close() { isClosed = true }

    // MARK: What is next

    /// The next job for a free device.
    /// - Parameters:
    ///   - running: the jobs of an owner that run now.
    ///   - fits: whether there is room for a job.
    func next(for device: String, running: (Int) -> Int, fits: (Queue.Entry) -> Bool = { _ in true }) -> Queue.Entry? {
        let next = queue.next(
            monotonic: Clock.monotonic(), wall: Clock.wall(), device: { DeviceChoice.serves(device, $0) },
            owner: { [self] in running($0) < users.role(of: $0)?.quotas.runningJobs ?? .max }, fits: fits)
        guard let next else { return nil }
        toldOfMemory.remove(next.id)
        if let excess = monthExcess(next.owner) {
            pauseForQuota(next.id, excess)
            return nil
        }
        return next
    }

    /// The next job to be salvaged or validated.
    /// - Parameter mayHaveOne: whether a check of this owner's job may begin.
    func nextCheck(mayHaveOne: (Int) -> Bool) -> Check? {
        let (monotonic, wall) = (Clock.monotonic(), Clock.wall())
        if let next = salvages.next(monotonic: monotonic, wall: wall, device: { _ in true }, owner: mayHaveOne) { return .salvage(next) }
        return validations.next(monotonic: monotonic, wall: wall, device: { _ in true }, owner: mayHaveOne).map { .validate($0) }
    }

    /// Puts a job back that could not be started.
    func requeue(_ entry: Queue.Entry, _ task: WorkerProcess.Task, after seconds: Double) {
        var entry = entry
        entry.retryAt = Clock.monotonic() + seconds
        switch task {
        case .run: queue.add(entry)
        case .validate: validations.add(entry)
        case .salvage: salvages.add(entry)
        }
    }

    func salvageLater(_ status: JobStatus) { salvages.add(check(status)) }

    // MARK: What comes in

    /// Takes in a job that was just accepted.
    /// - Parameter atOnce: whether it goes to a device before its files are validated; its worker
    ///   then does both.
    func add(_ status: JobStatus, _ manifest: Manifest, atOnce: Bool) {
        if atOnce { queue.add(entry(status, manifest)) } else { validations.add(check(status)) }
    }

    /// What the queue must know of an accepted job.
    private func entry(_ status: JobStatus, _ manifest: Manifest) -> Queue.Entry {
        Queue.Entry(
            id: status.id, owner: status.owner ?? 0, priority: status.priority, device: manifest.device, ranks: ranks(of: manifest),
            notBefore: manifest.notBefore, after: Set(manifest.after.filter { store.registry.state($0) != .succeeded }))
    }

    /// Lanes that several processes can carry; an evaluation has none.
    private func ranks(of manifest: Manifest) -> Int { manifest.method.specification is Manifest.EvaluationMethod ? 1 : manifest.ranks }

    /// The same for a check, which needs no device and waits for no other job.
    private func check(_ status: JobStatus, retryAt: Double? = nil) -> Queue.Entry {
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
    static func queueing(_ id: String) -> String { "queueing of \(id)" }

    private func place(_ status: JobStatus, retryAt: Double?, tries: Int) throws {
        let folder = store.folder(status.id)
        guard folder.isValidated else { return validations.add(check(status, retryAt: retryAt)) }
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

    /// Takes over a job that the last daemon left.
    func admit(_ status: JobStatus) {
        switch status.state {
        case .queued where status.reason == .givingUp: salvageLater(status)
        case .queued, .validatingFiles: enqueue(status)
        case .cancelled: salvageLater(status)
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
        store.logEnd(of: status)
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

    /// Says once why a job is not begun although a device is free for it.
    func noteShortage(_ id: String, _ objection: String) {
        guard toldOfMemory.insert(id).inserted, let status = (try? store.status(id)) ?? nil else { return }
        store.record(status, .info, .waiting, "Waiting for memory: \(objection)")
    }

    /// Takes a job out of every queue.
    func dequeue(_ id: String) {
        toldOfMemory.remove(id)
        queue.remove(id)
        validations.remove(id)
        salvages.remove(id)
        stopWaiting(id)
        retries.remove(Self.queueing(id))
    }

    /// A job does not wait for room or for a quota any more.
    func stopWaiting(_ id: String) {
        waitingForRoom.remove(id)
        waitingForQuota.remove(id)
    }
}
