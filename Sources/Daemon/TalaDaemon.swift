import Glibc
import Jobs
import Spool
import Storage

/// The daemon: takes drops, keeps the queue, runs one worker a device, acts on control files, survives its workers.
///
/// One thread, one loop. All state that matters is in files; what is in memory is read from them at the start.
public final class TalaDaemon {
    /// A device and the worker that has it.
    struct DeviceSlot {
        let selector: String
        var worker: WorkerProcess?
    }

    let configuration: Configuration
    let layout: SpoolLayout
    let acceptance: Acceptance
    let journal = Journal()
    let notifier = Notifier()
    var authority: Authority
    /// Users as the system's database had them a minute ago at most.
    var submitters: [Int: (submitter: Submitter, time: Double)] = [:]
    var drops: DropFinder
    var dropsAllowedAt = -Double.infinity
    /// Jobs whose files wait to be validated.
    var validations = Queue()
    /// Jobs that wait for a device.
    var queue = Queue()
    var devices: [DeviceSlot]
    /// The worker that validates files or salvages a job that is given up; it needs no device of its own.
    var validator: WorkerProcess?
    var salvages: [String] = []
    var registry = Registry()
    /// Jobs that are paused because a disk is full.
    var waitingForRoom: Set<String> = []
    /// Jobs that have ended and whose dependents are still to be told.
    private var ends: [JobStatus] = []
    var failures = 0
    var accepted = 0
    var rejected = 0
    var lastHeartbeat = -Double.infinity
    private let lock: FileLock
    private let mustStop: () -> Bool
    private let mustReload: () -> Bool

    /// - Parameters:
    ///   - mustStop: asked in every turn of the loop; true after SIGTERM.
    ///   - mustReload: likewise; true once after SIGHUP.
    /// - Throws: ``StartError``, ``StorageError``.
    public init(_ configuration: Configuration, mustStop: @escaping () -> Bool, mustReload: @escaping () -> Bool = { false }) throws {
        self.configuration = configuration
        self.mustStop = mustStop
        self.mustReload = mustReload
        layout = configuration.layout
        devices = configuration.devices.map { DeviceSlot(selector: $0) }
        acceptance = Acceptance(
            layout: configuration.layout, resolver: PathResolver(allowedRoots: configuration.allowedRoots), devices: configuration.devices)
        for folder in [layout.root] + layout.folders where !FolderListing.exists(folder) { try DurableFiles.makeFolder(folder) }
        authority = try Authority(layout, policyFile: configuration.policyFile)
        guard let lock = try FileLock(path: layout.lockFile) else { throw StartError.spoolIsTaken(layout.root) }
        self.lock = lock
        drops = DropFinder(
            folder: layout.incoming, settleSeconds: configuration.settleSeconds, abandonedSeconds: configuration.abandonedSeconds)
    }

    /// Works until told to stop, or until nothing is left to do when draining.
    /// - Returns: the exit code: 0, or 1 if a job failed while draining.
    public func run() -> Int32 {
        let watch = SpoolWatch([layout.incoming, layout.control])
        recover()
        var lastScan = Clock.monotonic()
        drops.rescan(now: lastScan)
        lookForRoom()
        heartbeat(force: true)
        notifier.send("READY=1")
        journal.log(.information, "talad \(configuration.version) works on \(layout.root)")
        while true {
            if mustStop() { return leave() }
            if mustReload() { reload() }
            takeDrops()
            control()
            supervise()
            startWork()
            heartbeat()
            if configuration.drains, isDone { return failures == 0 ? 0 : 1 }
            let changes = watch.wait(milliseconds: pauseMilliseconds, others: workers.map(\.descriptor))
            let now = Clock.monotonic()
            for name in changes.completed { drops.completed(name) }
            for name in changes.appeared { drops.appeared(name, now: now) }
            drops.reconsider(now: now)
            if changes.overflowed || now - lastScan > 10 {
                drops.rescan(now: now)
                lookForRoom()
                lastScan = now
            }
        }
    }

    var workers: [WorkerProcess] { devices.compactMap(\.worker) + (validator.map { [$0] } ?? []) }

    private var isDone: Bool {
        workers.isEmpty && !drops.isWaiting && !validations.hasDue && !queue.hasDue && salvages.isEmpty && Self.isEmpty(layout.incoming)
    }

    /// Whether no drop lies in a folder.
    private static func isEmpty(_ folder: String) -> Bool {
        !((try? FolderListing.names(in: folder)) ?? []).contains { Claim.isCandidate($0) }
    }

    /// How long the loop may sleep: workers that end and drops that come wake it.
    private var pauseMilliseconds: Int32 {
        if drops.isWaiting { return 50 }
        return workers.isEmpty && validations.isEmpty && queue.isEmpty ? 1000 : 200
    }

    private func reload() {
        notifier.reloading()
        do {
            authority = try Authority(layout, policyFile: configuration.policyFile)
            submitters = [:]
            journal.log(.information, "read the policy again")
        } catch {
            journal.log(.error, "the policy stays as it was: \(error)")
        }
        notifier.send("READY=1")
    }

    /// Asks the workers for checkpoints and waits until they have left.
    private func leave() -> Int32 {
        notifier.send("STOPPING=1")
        journal.log(.information, "leaving")
        isLeaving = true
        for worker in workers { worker.send(SIGTERM) }
        let start = Clock.monotonic()
        while !workers.isEmpty {
            let elapsed = Clock.monotonic() - start
            if elapsed > configuration.leaveSeconds {
                for worker in workers { worker.send(SIGKILL) }
            }
            supervise()
            heartbeat()
            usleep(20_000)
        }
        heartbeat(force: true)
        return 0
    }
    /// True from SIGTERM on: nothing is started any more.
    var isLeaving = false

    func submitter(_ owner: Int) -> Submitter {
        let now = Clock.monotonic()
        if let known = submitters[owner], now - known.time < 60 { return known.submitter }
        let submitter = Submitter(user: UInt32(exactly: owner) ?? 65_534)
        submitters[owner] = (submitter, now)
        return submitter
    }

    /// Writes a job's status and an event; trouble with that is only logged, the files stay as they were.
    func record(_ status: JobStatus, _ folder: JobFolder, _ level: JobEvent.Level, _ message: String) {
        registry.note(status)
        do {
            try folder.write(status)
            try EventLog(folder).append(level, message, at: Clock.wall())
        } catch {
            journal.log(.error, "\(status.id): \(error)", nil, Journal.Subject(job: status.id))
        }
    }

    /// What the queue must know of an accepted job.
    func entry(_ status: JobStatus, _ manifest: Manifest) -> Queue.Entry {
        Queue.Entry(
            id: status.id, owner: status.owner ?? 0, priority: status.priority, device: manifest.device, notBefore: manifest.notBefore,
            after: Set(manifest.after.filter { registry.state($0) != .succeeded }))
    }

    /// Puts a validated job into the queue.
    /// - Parameter retryAt: seconds of the monotonic clock before which it does not start.
    func enqueue(_ status: JobStatus, retryAt: Double? = nil) {
        let folder = layout.job(status.id)
        guard folder.isValidated else {
            return validations.add(
                Queue.Entry(id: status.id, owner: status.owner ?? 0, priority: status.priority, retryAt: retryAt))
        }
        var status = status
        do {
            let manifest = try folder.manifest()
            // What it waits for may have failed meanwhile.
            if let failed = manifest.after.first(where: { registry.state($0) == .failed || registry.state($0) == .cancelled }) {
                return fail(&status, folder, Self.dependencyFailure(failed))
            }
            var entry = entry(status, manifest)
            entry.retryAt = retryAt
            queue.add(entry)
        } catch {
            fail(&status, folder, .init(code: "input_output", message: "\(error)"))
        }
    }

    func fail(_ status: inout JobStatus, _ folder: JobFolder, _ failure: JobStatus.Failure) {
        failures += 1
        status.state = .failed
        status.reason = nil
        status.finishedAt = Clock.wall()
        status.error = failure
        record(status, folder, .error, "Fine-tuning job failed: \(failure.message)")
        ended(status)
    }

    /// Tells the jobs that wait for this one. They may fail in turn; a long chain must not become a deep recursion.
    func ended(_ status: JobStatus) {
        ends.append(status)
        guard ends.count == 1 else { return }
        while let next = ends.last {
            for id in queue.ended(next.id, succeeded: next.state == .succeeded) {
                let folder = layout.job(id)
                if var dependent = folder.status() { fail(&dependent, folder, Self.dependencyFailure(next.id)) }
            }
            ends.removeAll { $0.id == next.id }
        }
    }

    static func dependencyFailure(_ id: String) -> JobStatus.Failure {
        .init(code: "dependency_failed", message: "the job \(id), which this one comes after, did not succeed", param: "after")
    }
}
